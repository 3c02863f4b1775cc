"""A plugin of pytest for the runs of the campaign: it plants one fault after the other, and runs checks with each.

Between two faults, all fixtures end, so that the next server starts with the next fault. The database that the servers
copy is made once for all runs. A fault can make a client read the same page for ever, so a check can send a number of
requests, and ends after a while.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest
from openai._base_client import SyncAPIClient

from tests.campaigns.planted_faults.tasks import MADE, REPORT, TASKS, Done, Outcome, Task, name_of, planted
from tests.watchdog import MARK, memory_folder

# Without a fault, a check takes ten seconds on an idle machine, and sends a hundred requests.
_PATIENCE_S = 120
_MOST_REQUESTS = 400


class CheckTooLongError(Exception):
    """The check did not end."""


class _Run:
    """The state of the run: the requests of the current check, and the outcomes of the checks of the current task."""

    requests = 0
    seconds: dict[str, float]
    failed: set[str]


def pytest_configure() -> None:
    """Count the requests of the SDK's synchronous client, whose HTTP library depends on its version."""
    request = SyncAPIClient.request

    def counted(self: SyncAPIClient, *arguments: Any, **options: Any) -> Any:
        _Run.requests += 1
        if _Run.requests > _MOST_REQUESTS:
            raise CheckTooLongError(f"the check sent {_MOST_REQUESTS} requests and did not end")
        return request(self, *arguments, **options)

    SyncAPIClient.request = counted  # type: ignore[method-assign]


def pytest_sessionstart() -> None:
    """Let the servers of this run copy the database of the campaign."""
    (Path(memory_folder() or os.environ[MARK]) / "made").symlink_to(os.environ[MADE])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the tasks instead of all tests."""
    tasks = msgspec.json.decode(Path(os.environ[TASKS]).read_bytes(), type=list[Task])
    for task in tasks:
        begin = time.monotonic()
        _Run.seconds, _Run.failed = {}, set()
        with ExitStack() as stack:
            for fault in task.faults:
                stack.enter_context(planted(Path.cwd(), fault))
            _run([item for item in session.items if name_of(item.nodeid) in task.checks])
        done = Done(
            [fault.name for fault in task.faults], Outcome(_Run.seconds, sorted(_Run.failed)), time.monotonic() - begin
        )
        with Path(os.environ[REPORT]).open("ab") as file:
            file.write(msgspec.json.encode(done) + b"\n")
    return True


def _run(items: Sequence[pytest.Item]) -> None:
    for item, following in zip(items, [*items[1:], None], strict=True):
        # As in pytest-rerunfailures: the fixtures of an earlier run are forgotten.
        item._initrequest()  # type: ignore[attr-defined]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Count the requests of each check, with those of its fixtures, from 0."""
    _Run.requests = 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Interrupt a check that does not end."""
    signal.signal(signal.SIGALRM, _interrupt)
    signal.alarm(_PATIENCE_S)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise CheckTooLongError(f"the check did not end within {_PATIENCE_S} s")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the duration and the outcome of a check."""
    if report.when == "call" and not report.skipped:
        name = name_of(report.nodeid)
        _Run.seconds[name] = _Run.seconds.get(name, 0) + report.duration
        if report.failed:
            _Run.failed.add(name)
