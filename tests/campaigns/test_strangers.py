"""The campaign in short: a few seconds of strangers against a real `cabinet serve`, without a look at the times."""

from __future__ import annotations

from tests.campaigns.strangers import run
from tests.lengths import length


def test_strangers_leave_the_server_to_the_others() -> None:
    results = run(["endless_header", "pipelined", "half_sent", "unread", "slow_body"], length(1, 3), length(100, 300))
    assert [(result.name, result.faults(timed=False), result.failures[:1]) for result in results] == [
        (result.name, [], []) for result in results
    ]
    assert all(result.latencies_ms for result in results)
