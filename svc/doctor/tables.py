"""The tables: dead rows, the visibility map, statistics, transaction ids."""

from __future__ import annotations

from collections.abc import Sequence

from svc.database import rows as r
from svc.doctor.checks import Check, Finding, Severity, Subject, Verdict, plural

# Tables of which statements read an index alone, and the statements that cost the most when they cannot.
_READ_FROM_INDEX = {
    "chunk_vectors": "search/bits",
    "message_vectors": "message_search/bits",
    "documents": "search/bits with filters",
}


async def dead_rows(subject: Subject) -> Verdict:
    """No large share of dead rows."""
    limits, findings, total = subject.limits, [], 0
    for row in await _tables(subject):
        dead, live, name = row.dead_rows, row.live_rows, row.table_name
        total += dead
        if dead > limits.dead_rows and dead > limits.dead_share * (live + dead):
            what = f"about {dead:,} of {live + dead:,} rows of {name} are dead"
            why = "scans read them too; a session that stays in its transaction may be what holds vacuum back"
            findings.append(Finding("warning", what, why, (row.vacuum,)))
    return Verdict(f"{total:,} dead", findings)


async def visibility_map(subject: Subject) -> Verdict:
    """Most pages of the tables of which statements read an index alone are known to be visible to all."""
    limits, findings, seen = subject.limits, [], []
    for row in await _tables(subject):
        name, pages, visible = row.table_name, row.pages, row.visible_pages
        if name not in _READ_FROM_INDEX or pages < limits.large_table_pages:
            continue
        seen.append(f"{name} {visible / pages:.0%}")
        if visible < limits.visible_share * pages:
            what = f"{visible:,} of {pages:,} pages of {name} are known to be visible to all"
            why = f"{_READ_FROM_INDEX[name]} visits the table for each row of the other pages: many times as slow"
            findings.append(Finding("warning", what, why, (row.vacuum,)))
    return Verdict(", ".join(seen) or "no large table", findings)


async def statistics(subject: Subject) -> Verdict:
    """No large table that was never analyzed."""
    rows = [row for row in await _tables(subject) if row.pages >= subject.limits.large_table_pages]
    findings = [
        Finding(
            "warning",
            f"{row.table_name} ({row.pages:,} pages) was never analyzed",
            "the planner guesses how many rows there are, and may pass its indexes by",
            (row.vacuum,),
        )
        for row in rows
        if row.counted_rows < 0
    ]
    return Verdict(plural(len(rows), "large table"), findings)


async def table_autovacuum(subject: Subject) -> Verdict:
    """Nobody turned it off for a table."""
    rows = await _tables(subject)
    why = "its dead rows are never taken away, and its indexes are never read alone"
    findings = [
        Finding(
            "fault",
            f"autovacuum is off for {row.table_name}",
            why,
            (row.enable,),
        )
        for row in rows
        if not row.is_autovacuumed
    ]
    return Verdict(plural(len(rows), "table"), findings)


async def transaction_ids(subject: Subject) -> Verdict:
    """Half way to where the server refuses to write, something is wrong with vacuum."""
    findings, oldest = [], 0
    for row in await _tables(subject):
        age = max(row.xid_age, row.multixact_age)
        oldest = max(oldest, age)
        if age > subject.limits.transaction_ids:
            severity: Severity = "fault" if age > 3 * subject.limits.transaction_ids else "warning"
            why = "near 2,000,000,000 the server takes no writes; vacuum should have frozen them at 200,000,000"
            what = f"the oldest transaction id of {row.table_name} is {age:,} back"
            findings.append(Finding(severity, what, why, (row.vacuum_freeze,)))
    return Verdict(f"oldest {oldest:,} back", findings)


async def _tables(subject: Subject) -> Sequence[r.DoctorTables]:
    return await subject.database.many("doctor/tables", max_rows=10_000)


CHECKS = (
    Check("dead-rows", "tables", "that vacuum keeps up with what is deleted and updated", dead_rows),
    Check("visibility-map", "tables", "that indexes can be read without their tables", visibility_map),
    Check("statistics", "tables", "that the planner has statistics", statistics),
    Check("table-autovacuum", "tables", "that autovacuum is on for every table", table_autovacuum),
    Check("transaction-ids", "tables", "that no table's transaction ids run out", transaction_ids),
)
