"""Plants faults into a copy of the service, one at a time, and records which checks of the OpenAI SDK notice each.

    python -m tests.campaigns.planted_faults [--only NAME …] [--jobs 2] [--together] [--again] [--list]

The copy is in a temporary folder; the checkout stays as it is. The checks of `tests/clients/openai` run with the
synchronous client: for each fault, those that it names, and one of each of five other files, which show how much else
it breaks. A check that fails in a fixture has not noticed the fault. Results are kept in `build/`, so that an
interrupted campaign continues; a fault that was changed runs again. The campaign fails if a fault is noticed by no
check, or by a quarter of them, or if a check has never failed.
"""

from __future__ import annotations

import argparse
import fnmatch
import random
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, zip_longest
from pathlib import Path
from threading import Lock

from tests.campaigns.planted_faults.copies import Copy
from tests.campaigns.planted_faults.faults import ROOT, SUITE, Fault, mistakes, read_faults
from tests.campaigns.planted_faults.results import Result, Results, is_narrow, read_results, verdict, write_results
from tests.campaigns.planted_faults.tasks import Done, Outcome, Task

_QUICK_S = 1.0
_SAMPLED = 5
_SHOWN = 40
# Conversations have no files, embeddings have neither, and only checks of uploads upload in parts. The areas that are
# absent here concern all routes.
_INDEPENDENT = (
    {"files", "stores", "store files", "batches", "search"},
    {"uploads"},
    {"conversations", "items"},
    {"embeddings", "models"},
)
_TEST = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


def main() -> int:
    """Run the campaign and print its verdict; returns 1 if it found a mistake."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="the faults to plant; * stands for any text")
    parser.add_argument("--again", action="store_true", help="run faults whose results are recorded")
    parser.add_argument("--list", action="store_true", help="print the faults, each with the checks that noticed it")
    parser.add_argument("--jobs", type=int, default=1, help="faults that are planted at the same time, each in a copy")
    parser.add_argument("--together", action="store_true", help="plant faults of independent areas at the same time")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "planted_faults.json")
    options = parser.parse_args()
    faults = read_faults()
    if wrong := mistakes(faults):
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    chosen = [fault for fault in faults if _is_chosen(fault, options.only)]
    results = read_results(options.results)
    if not options.list:
        due = [fault for fault in chosen if options.again or not _is_known(fault, results)]
        _run(due, results, options.results, options.jobs, together=options.together)
    else:
        for fault in chosen:
            noticed = results.by_fault[fault.name].noticed if fault.name in results.by_fault else []
            print(fault.name, *(f"    {check}" for check in noticed), sep="\n")
    return _report(chosen if options.only else faults, results, is_whole=not options.only)


def _is_chosen(fault: Fault, patterns: Sequence[str] | None) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(fault.name, pattern) for pattern in patterns)


def _is_known(fault: Fault, results: Results) -> bool:
    result = results.by_fault.get(fault.name)
    return result is not None and result.digest == fault.digest


def _run(faults: Sequence[Fault], results: Results, path: Path, jobs: int, *, together: bool) -> None:
    groups = _groups(faults, together=together)
    with tempfile.TemporaryDirectory(prefix="cabinet-planted-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Root's PostgreSQL runs as another user.
        folder.chmod(0o755)
        (folder / "made").mkdir(mode=0o755)
        copies = [Copy(folder / f"copy{number}", folder / "made") for number in range(jobs)]
        names = _names()
        if results.healthy is None or results.healthy.seconds.keys() != names:
            results.healthy = _healthy(copies[0], names)
            write_results(path, results)
        print(f"without a fault, {len(results.healthy.seconds)} checks pass", flush=True)
        campaign = _Campaign(faults, results.healthy, results, path)
        with ThreadPoolExecutor(jobs) as pool:
            for _ in pool.map(campaign.run, copies, [groups[number::jobs] for number in range(jobs)]):
                pass


def _names() -> set[str]:
    """The names of all checks."""
    paths = (ROOT / SUITE).glob("test_*.py")
    return {f"{path.stem.removeprefix('test_')}::{name}" for path in paths for name in _TEST.findall(path.read_text())}


def _healthy(copy: Copy, names: set[str]) -> Outcome:
    """The outcome of all checks without a fault."""
    done = list(copy.run([Task([], sorted(names))]))
    if not done or done[0].outcome.failed or len(done[0].outcome.seconds) < len(names):
        print(*copy.output().splitlines()[-_SHOWN:], sep="\n", file=sys.stderr)
        raise SystemExit("the suite does not pass without a fault")
    return done[0].outcome


class _Campaign:
    def __init__(self, faults: Sequence[Fault], healthy: Outcome, results: Results, path: Path) -> None:
        self._faults = {fault.name: fault for fault in faults}
        self._healthy, self._results, self._path = healthy, results, path
        self._done = 0
        self._lock = Lock()

    def run(self, copy: Copy, groups: Sequence[Sequence[Fault]]) -> None:
        """Plant faults into a copy, one group after the other, and record the results."""
        tasks = []
        for group in groups:
            own = set().union(*(self._own(fault) for fault in group))
            tasks.append(Task(list(group), [*own, *_sample(own, group[0].name, self._healthy)]))
        for done in copy.run(tasks):
            named = set().union(*(self._own(self._faults[name]) for name in done.names))
            for name in done.names:
                self._note(self._faults[name], done, named)

    def _own(self, fault: Fault) -> set[str]:
        named = set(fault.checks)
        return {check for check in self._healthy.seconds if {check, check.partition("::")[0]} & named}

    def _note(self, fault: Fault, done: Done, named: set[str]) -> None:
        with self._lock:
            own = self._own(fault)
            others = done.outcome.seconds.keys() - named
            result = Result(fault.digest, done.outcome.part(own), done.outcome.part(others))
            self._done += 1
            self._results.by_fault[fault.name] = result
            write_results(self._path, self._results)
            count = len(self._healthy.seconds)
            note = ", too many" if result.noticed and not is_narrow(result, count) else ""
            print(
                f"{self._done}/{len(self._faults)} {fault.name}: {len(result.noticed)} of {len(done.outcome.seconds)} "
                f"checks failed, about {result.estimate(count)} of all {count}{note} ({done.seconds:.0f} s)",
                flush=True,
            )


def _groups(faults: Sequence[Fault], *, together: bool) -> list[list[Fault]]:
    """The faults that are planted at the same time: one, or with `together` one of each independent area."""
    if not together:
        return [[fault] for fault in faults]
    areas: dict[int, list[Fault]] = {place: [] for place in range(len(_INDEPENDENT))}
    alone = []
    for fault in faults:
        area = fault.name.partition(":")[0]
        place = next((place for place, names in enumerate(_INDEPENDENT) if area in names), None)
        if place is None:
            alone.append([fault])
        else:
            areas[place].append(fault)
    mixed = [[fault for fault in group if fault is not None] for group in zip_longest(*areas.values())]
    return [part for group in mixed for part in _with_other_files(group)] + alone


def _with_other_files(group: Sequence[Fault]) -> list[list[Fault]]:
    """The group, or single faults if two change the same file, or run the same checks."""
    files = [fault.file for fault in group]
    is_mixed = len({*files}) == len(files) and all(
        not {check.partition("::")[0] for check in one.checks} & {check.partition("::")[0] for check in other.checks}
        for one, other in combinations(group, 2)
    )
    return [list(group)] if is_mixed else [[fault] for fault in group]


def _sample(named: set[str], seed: str, healthy: Outcome) -> list[str]:
    """Quick checks of files of which no check is named, one of each; other ones for each fault."""
    by_file: defaultdict[str, list[str]] = defaultdict(list)
    for check, seconds in healthy.seconds.items():
        if seconds < _QUICK_S:
            by_file[check.partition("::")[0]].append(check)
    chance = random.Random(seed)
    others = sorted(by_file.keys() - {check.partition("::")[0] for check in named})
    return [chance.choice(by_file[file]) for file in chance.sample(others, min(_SAMPLED, len(others)))]


def _report(faults: Sequence[Fault], results: Results, *, is_whole: bool) -> int:
    checks = len(results.healthy.seconds) if results.healthy else 0
    print(f"{len(faults)} faults, {checks} checks")
    is_wrong = False
    for heading, names in verdict(faults, results):
        if heading.startswith("checks") and not is_whole:
            continue
        is_wrong |= bool(names)
        print(f"{heading}: {len(names)}")
        for name in names[:_SHOWN]:
            print(f"    {name}")
        if len(names) > _SHOWN:
            print("    …")
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main())
