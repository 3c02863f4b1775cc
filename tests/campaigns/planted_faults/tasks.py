"""The tasks of a run of pytest on a copy of the service: one fault after the other, each with some of the checks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tests.campaigns.planted_faults.faults import Fault

TASKS = "PLANTED_FAULTS_TASKS"
"""The environment variable that names the file with the tasks."""
REPORT = "PLANTED_FAULTS_REPORT"
"""The environment variable that names the file to which outcomes are appended, a line of JSON for each task."""
MADE = "PLANTED_FAULTS_DATABASE"
"""The environment variable that names the folder with the database that all servers copy."""


class Task(Struct, frozen=True):
    """Faults that are planted together, mostly one, and the names of the checks that run with them."""

    faults: list[Fault]
    checks: list[str]


class Outcome(Struct, frozen=True):
    """The seconds of each check that ran, and those that failed (not: whose fixtures failed).

    A check is named `file::function`; it failed if it failed with one of its parameters.
    """

    seconds: dict[str, float]
    failed: list[str]

    def part(self, checks: set[str]) -> Outcome:
        """Return the outcome of some of the checks."""
        seconds = {check: seconds for check, seconds in self.seconds.items() if check in checks}
        return Outcome(seconds, [check for check in self.failed if check in checks])


class Done(Struct, frozen=True):
    """The outcome of a task, with the names of its faults."""

    names: list[str]
    outcome: Outcome
    seconds: float


def name_of(node_id: str) -> str:
    """Return the name of a check from pytest's id."""
    file, _, name = node_id.partition("::")
    return f"{Path(file).stem.removeprefix('test_')}::{name.partition('[')[0]}"


@contextmanager
def planted(tree: Path, fault: Fault) -> Iterator[None]:
    """Plant a fault into the copy below `tree` during the block.

    Raises:
        FaultError: its old text does not occur exactly once.
    """
    path = tree / fault.file
    text = path.read_text()
    _write(path, fault.planted(text))
    try:
        yield
    finally:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    # Python compares compiled code with the second and the size of its file, which can be the same.
    if path.suffix == ".py":
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
