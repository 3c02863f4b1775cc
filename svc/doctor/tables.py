"""Checks of the tables: dead rows, the visibility map, statistics, and transaction ids."""

from __future__ import annotations

from collections.abc import Sequence

from svc.database import rows as r
from svc.doctor.checks import Check, Finding, Severity, Subject, Verdict, plural

# Tables with index-only scans, and the statement that is slowed down most if such a scan must visit the table.
_READ_FROM_INDEX = {
    "chunk_vectors": "search/bits",
    "message_vectors": "message_search/bits",
    "documents": "search/bits with filters",
}


async def dead_rows(subject: Subject) -> Verdict:
    """Finds tables with a large share of dead rows."""
    limits, findings, total = subject.limits, [], 0
    for row in await _tables(subject):
        dead, live, name = row.dead_rows, row.live_rows, row.table_name
        total += dead
        if dead > limits.dead_rows and dead > limits.dead_share * (live + dead):
            problem = f"about {dead:,} of {live + dead:,} rows of {name} are dead"
            why = "scans also read them; an open transaction may prevent vacuum from removing them"
            findings.append(Finding("warning", problem, why, (row.vacuum,)))
    return Verdict(f"{total:,} dead", findings)


async def visibility_map(subject: Subject) -> Verdict:
    """Finds tables with index-only scans of which few pages are marked all-visible."""
    limits, findings, seen = subject.limits, [], []
    for row in await _tables(subject):
        name, pages, visible = row.table_name, row.pages, row.visible_pages
        if name not in _READ_FROM_INDEX or pages < limits.large_table_pages:
            continue
        seen.append(f"{name} {visible / pages:.0%}")
        if visible < limits.visible_share * pages:
            problem = f"only {visible:,} of {pages:,} pages of {name} are marked all-visible"
            why = f"{_READ_FROM_INDEX[name]} visits the table for rows on the other pages, which is many times slower"
            findings.append(Finding("warning", problem, why, (row.vacuum,)))
    return Verdict(", ".join(seen) or "no large table", findings)


async def statistics(subject: Subject) -> Verdict:
    """Finds large tables that were never analyzed."""
    rows = [row for row in await _tables(subject) if row.pages >= subject.limits.large_table_pages]
    findings = [
        Finding(
            "warning",
            f"{row.table_name} ({row.pages:,} pages) was never analyzed",
            "the planner guesses the number of rows, and may not use the right indexes",
            (row.vacuum,),
        )
        for row in rows
        if row.counted_rows < 0
    ]
    return Verdict(plural(len(rows), "large table"), findings)


async def table_autovacuum(subject: Subject) -> Verdict:
    """Finds tables for which autovacuum is turned off."""
    rows = await _tables(subject)
    why = "its dead rows are never removed, and index-only scans always visit the table"
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
    """Finds tables whose oldest transaction id is so old that vacuum must be failing to freeze them."""
    findings, oldest = [], 0
    for row in await _tables(subject):
        age = max(row.xid_age, row.multixact_age)
        oldest = max(oldest, age)
        if age > subject.limits.transaction_ids:
            severity: Severity = "fault" if age > 3 * subject.limits.transaction_ids else "warning"
            why = "near 2,000,000,000 the server refuses writes; vacuum should have frozen the rows at 200,000,000"
            problem = f"the oldest transaction id of {row.table_name} is {age:,} transactions old"
            findings.append(Finding(severity, problem, why, (row.vacuum_freeze,)))
    return Verdict(f"oldest: {oldest:,} transactions", findings)


async def _tables(subject: Subject) -> Sequence[r.DoctorTables]:
    return await subject.database.many("doctor/tables", max_rows=10_000)


CHECKS = (
    Check("dead-rows", "tables", "that vacuum keeps up with deletions and updates", dead_rows),
    Check("visibility-map", "tables", "that index-only scans need not visit the table", visibility_map),
    Check("statistics", "tables", "that the planner has statistics", statistics),
    Check("table-autovacuum", "tables", "that autovacuum is on for every table", table_autovacuum),
    Check("transaction-ids", "tables", "that transaction ids do not run out", transaction_ids),
)
