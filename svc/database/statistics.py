"""Statistics of the current request's statements, for `Server-Timing` and for the warning about too many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class StatementStatistics:
    """The statements run so far: their number, total time in seconds, and names."""

    count: int = 0
    seconds: float = 0.0
    names: list[str] = field(default_factory=list)


_current: ContextVar[StatementStatistics | None] = ContextVar("statement_statistics", default=None)


@contextmanager
def collect_statistics() -> Iterator[StatementStatistics]:
    """Count the statements that this task, and the tasks that it starts, run inside the block."""
    statistics = StatementStatistics()
    token = _current.set(statistics)
    try:
        yield statistics
    finally:
        _current.reset(token)


def record(name: str, seconds: float) -> None:
    """Add one finished statement to the statistics of the enclosing block, if any."""
    statistics = _current.get()
    if statistics is not None:
        statistics.count += 1
        statistics.seconds += seconds
        statistics.names.append(name)
