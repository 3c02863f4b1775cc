"""The report of a campaign, for people: events, figures and violations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.campaigns.chaos.campaign import Result


def report(result: Result, seed: int, seconds: float) -> str:
    """The text of the report."""
    scene, ledger = result.scene, result.ledger
    documents = sum(each.least for each in ledger.documents.values())
    messages = sum(len(b.contents) for each in ledger.conversations for b in each.batches if b.least)
    members = sum(member.is_there() for each in ledger.collections if each.least for member in each.members.values())
    lines = ["", f"seed {seed}, {result.rounds} rounds of faults in {seconds:.0f} s", "", "faults"]
    lines += [f"  {count:>7,}  {name}" for name, count in sorted(scene.counts.items()) if count]
    lines += ["", "clients"]
    lines += [f"  {count:>7,}  {outcome}" for outcome, count in sorted(ledger.outcomes.items())]
    lines += [f"  {count:>7,}  answered with {status}" for status, count in sorted(scene.judge.statuses.items())]
    lines += [
        f"  {documents:>7,}  documents acknowledged and not deleted",
        f"  {messages:>7,}  messages acknowledged",
        f"  {members:>7,}  documents in collections, acknowledged",
        f"  {len(ledger.erased):>7,}  users erased",
    ]
    figures = {
        "answers": scene.judge.seconds,
        "takeover of a dead worker's documents": scene.watcher.takeovers_s,
        **scene.figures,
    }
    lines += ["", f"  {'seconds':<40} {'count':>7} {'median':>7} {'p99':>7} {'most':>7}"]
    lines += [f"  {name:<40} {_spread(values)}" for name, values in figures.items() if values]
    lines += ["", f"  {scene.judge.conflicts:>7,}  answers 503 because another request was changing the same rows"]
    lines += [f"  {count:>7,}  deadlocks of {names}" for names, count in Counter(scene.postgres.deadlocks()).items()]
    lines += ["", f"{len(result.violations)} violations"]
    lines += [f"  {violation}" for violation in result.violations[:60]]
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    median, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return f"{len(ordered):>7,} {median:>7.2f} {p99:>7.2f} {ordered[-1]:>7.2f}"
