"""Plants faults into a copy of the service, one at a time, and records which checks of the OpenAI SDK notice each.

    python -m tests.campaigns.planted_faults [--only NAME …] [--jobs 2] [--again] [--list]

The copy is in a temporary folder; the checkout stays as it is. The checks of `tests/clients/openai` run with the
synchronous client: for each fault, those that it names, and one of each of eight other files, which show how much else
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
from pathlib import Path
from threading import Lock

from tests.campaigns.planted_faults.copies import Copy
from tests.campaigns.planted_faults.faults import ROOT, SUITE, Fault, mistakes, read_faults
from tests.campaigns.planted_faults.results import Result, Results, is_narrow, read_results, verdict, write_results
from tests.campaigns.planted_faults.tasks import Done, Outcome, Task

_QUICK_S = 1.0
_SAMPLED = 8
_SHOWN = 40
_TEST = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


def main() -> int:
    """Run the campaign and print its verdict; returns 1 if it found a mistake."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="the faults to plant; * stands for any text")
    parser.add_argument("--again", action="store_true", help="run faults whose results are recorded")
    parser.add_argument("--list", action="store_true", help="print the faults, each with the checks that noticed it")
    parser.add_argument("--jobs", type=int, default=1, help="faults that are planted at the same time, each in a copy")
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
        _run(due, results, options.results, options.jobs)
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


def _run(faults: Sequence[Fault], results: Results, path: Path, jobs: int) -> None:
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
            for _ in pool.map(campaign.run, copies, [faults[number::jobs] for number in range(jobs)]):
                pass


def _names() -> set[str]:
    """The names of all checks."""
    paths = (ROOT / SUITE).glob("test_*.py")
    return {f"{path.stem.removeprefix('test_')}::{name}" for path in paths for name in _TEST.findall(path.read_text())}


def _healthy(copy: Copy, names: set[str]) -> Outcome:
    """The outcome of all checks without a fault."""
    done = list(copy.run([Task("", None, sorted(names))]))
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

    def run(self, copy: Copy, faults: Sequence[Fault]) -> None:
        """Plant faults into a copy, one after the other, and record the results."""
        tasks = [Task(fault.name, fault, [*self._own(fault), *_sample(fault, self._healthy)]) for fault in faults]
        for done in copy.run(tasks):
            self._note(self._faults[done.name], done)

    def _own(self, fault: Fault) -> set[str]:
        named = set(fault.checks)
        return {check for check in self._healthy.seconds if {check, check.partition("::")[0]} & named}

    def _note(self, fault: Fault, done: Done) -> None:
        with self._lock:
            own = self._own(fault)
            others = done.outcome.seconds.keys() - own
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


def _sample(fault: Fault, healthy: Outcome) -> list[str]:
    """Quick checks of files that the fault does not name, one of each; other ones for each fault."""
    by_file: defaultdict[str, list[str]] = defaultdict(list)
    for check, seconds in healthy.seconds.items():
        if seconds < _QUICK_S:
            by_file[check.partition("::")[0]].append(check)
    named = {check.partition("::")[0] for check in fault.checks}
    chance = random.Random(fault.name)
    others = sorted(by_file.keys() - named)
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
