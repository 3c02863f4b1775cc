"""A short soak test, and its findings in synthetic figures."""

from __future__ import annotations

import pytest

from tests.campaigns.soak.__main__ import soak
from tests.campaigns.soak.samples import Samples, broken_promises
from tests.campaigns.soak.traffic import Timed
from tests.lengths import length


def test_growth_and_slow_minutes_and_failures_are_found() -> None:
    flat, leaking = [100.0] * 50, [100.0 + number for number in range(50)]
    files = [20] * 25 + [22] * 25
    fast, slow = Timed([0.01] * 100), Timed([0.01] * 98 + [0.5] * 2)
    assert broken_promises(Samples({"server": flat}, {"server": files}), [fast, fast]) == []
    assert broken_promises(Samples({"server": leaking}, {"worker": [20] * 25 + [25] * 25}), [fast, slow]) == [
        "MB of server: 114 at first, 144 at the end",
        "files of worker: 20 at first, 25 at the end",
        "minute 2: p99 500 ms, 10 ms in the first",
    ]
    assert broken_promises(Samples(), [Timed([0.01], ["GET /me: 500"])]) == ["1 failed requests: GET /me: 500"]


@pytest.mark.slow
async def test_the_campaign_serves_everything_and_measures_everything() -> None:
    broken = await soak(length(0.05, 1.0), users=4, probe_s=1.0)
    # In so short a time everything grows, and every pause is long.
    assert [each for each in broken if "failed" in each or "ended" in each or "did not stop" in each] == []
