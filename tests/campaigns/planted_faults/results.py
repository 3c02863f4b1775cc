"""The recorded results of a campaign, and its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, field

from tests.campaigns.planted_faults.faults import Fault
from tests.campaigns.planted_faults.tasks import Outcome

# A fault that a larger share of the other checks notices does not show what a check is for.
MOST_OF_OTHERS = 0.25


class Result(Struct, frozen=True):
    """A fault's run: the checks of its files, and a sample of the others."""

    digest: str
    own: Outcome
    others: Outcome

    @property
    def noticed(self) -> list[str]:
        """The checks that failed."""
        return sorted({*self.own.failed, *self.others.failed})

    @property
    def is_specific(self) -> bool:
        """Whether fewer than a quarter of the sampled other checks failed."""
        return bool(self.others.seconds) and len(self.others.failed) / len(self.others.seconds) < MOST_OF_OTHERS

    def estimate(self, count: int) -> int:
        """The number of checks that would fail among all `count`, by the sample."""
        rest = count - len(self.own.seconds)
        return len(self.own.failed) + round(rest * len(self.others.failed) / max(1, len(self.others.seconds)))


class Results(Struct):
    """The run without a fault, and the results by the names of the faults."""

    healthy: Outcome | None = None
    by_fault: dict[str, Result] = field(default_factory=dict)


def read_results(path: Path) -> Results:
    """Read the results so far; none if there is no file."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.is_file() else Results()


def write_results(path: Path, results: Results) -> None:
    """Write the results, so that an interrupted campaign continues."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results)))


def is_narrow(result: Result, count: int) -> bool:
    """Whether a fault made fewer than a quarter of all `count` checks fail, and of the sampled other ones."""
    return result.is_specific and result.estimate(count) < count * MOST_OF_OTHERS


def verdict(faults: Iterable[Fault], results: Results) -> Iterator[tuple[str, list[str]]]:
    """Yield the mistakes that the campaign found: a heading, and the names below it."""
    checks = results.healthy.seconds if results.healthy else {}
    known = {fault.name: result for fault in faults if (result := results.by_fault.get(fault.name)) is not None
             and result.digest == fault.digest}  # fmt: skip
    yield "faults that have not run", [fault.name for fault in faults if fault.name not in known]
    yield (
        "faults with which no check ran: the server did not start",
        [name for name, result in known.items() if not result.own.seconds and not result.others.seconds],
    )
    yield (
        "faults that no check noticed",
        [name for name, result in known.items() if not result.noticed and result.own.seconds],
    )
    narrow = [result for result in known.values() if is_narrow(result, len(checks))]
    yield (
        "faults that a quarter of the checks or more noticed, which show nothing",
        [name for name, result in known.items() if result.noticed and not is_narrow(result, len(checks))],
    )
    seen = {check for result in narrow for check in result.noticed}
    yield "checks that no fault made fail", sorted(checks.keys() - seen)
