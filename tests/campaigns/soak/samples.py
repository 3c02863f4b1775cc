"""The memory and the open files of processes over time, and whether they grew."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

from tests.campaigns.soak.traffic import Timed

MOST_GROWTH = 0.05
MOST_SLOWER = 3.0
# A few files more are a connection of the pool; the growth of a leak goes on.
_SPARE_FILES = 3
# The part of the samples that is left out, while caches fill, and the parts that are compared: the next and the last.
_WARM_UP = 0.2
_COMPARED = 0.2


@dataclass
class Samples:
    """Megabytes and open files of each kind of process, in the order in which they were taken."""

    megabytes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, roots: Mapping[str, int]) -> None:
        """Look at these processes, by their ids, and at those that they started: the parsers."""
        below: list[psutil.Process] = []
        for name, pid in roots.items():
            process = psutil.Process(pid)
            self.megabytes[name].append(process.memory_info().rss / 2**20)
            self.files[name].append(process.num_fds())
            below += process.children(recursive=True)
        megabytes, files = 0.0, 0
        for process in below:
            try:
                megabytes += process.memory_info().rss / 2**20
                files += process.num_fds()
            except psutil.NoSuchProcess:
                continue
        self.megabytes["parsers"].append(megabytes)
        self.files["parsers"].append(files)

    def growth(self) -> dict[str, tuple[float, float]]:
        """Return the medians of the first and of the last samples, by kind of process and of figure."""
        figures = {f"MB of {name}": [*map(float, values)] for name, values in self.megabytes.items()}
        figures |= {f"files of {name}": [*map(float, values)] for name, values in self.files.items()}
        return {name: _ends(values) for name, values in figures.items()}


def _ends(values: list[float]) -> tuple[float, float]:
    skipped, compared = int(len(values) * _WARM_UP), max(1, int(len(values) * _COMPARED))
    return statistics.median(values[skipped : skipped + compared]), statistics.median(values[-compared:])


def broken_promises(samples: Samples, minutes: list[Timed]) -> list[str]:
    """Return the growth, the slowdowns and the failures as sentences."""
    found = []
    for name, (before, after) in samples.growth().items():
        spare = _SPARE_FILES if name.startswith("files") else 0
        if after > before * (1 + MOST_GROWTH) + spare:
            found.append(f"{name}: {before:.0f} at first, {after:.0f} at the end")
    for number, minute in enumerate(minutes, start=1):
        if minute.p99_ms > MOST_SLOWER * minutes[0].p99_ms:
            found.append(f"minute {number}: p99 {minute.p99_ms:.0f} ms, {minutes[0].p99_ms:.0f} ms in the first")
    failed = [each for minute in minutes for each in minute.failed]
    if failed:
        found.append(f"{len(failed)} failed requests: {'; '.join(failed[:3])}")
    return found
