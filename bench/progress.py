"""Progress bars that do not disturb the measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench.report import console


@contextmanager
def quiet_progress() -> Iterator[Progress]:
    """Bars that only `step` draws: a thread that draws at intervals would affect the measurement."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        yield progress


def step(progress: Progress, task: TaskID, count: float = 1) -> None:
    """Advance a bar and draw it."""
    progress.advance(task, count)
    progress.refresh()
