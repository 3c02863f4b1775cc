"""Checks of the indexes: missing, invalid, unused and duplicate ones."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from svc.database import rows as r
from svc.database.statements import Statement
from svc.doctor.checks import Check, Finding, Subject, Verdict, megabytes, plural
from svc.doctor.configuration import set_setting
from svc.resources import resource_folder
from svc.search.index_plan import PREFIX, planned_steps

_MAX_ROWS = 10_000
_CHANGE = re.compile(
    r"create (?:unique )?index (?:concurrently )?(?:if not exists )?(?P<name>\w+) on [^;]+;"
    r"|drop index (?:concurrently )?(?:if exists )?(?P<dropped>\w+);"
)


async def invalid_index(subject: Subject) -> Verdict:
    """Finds indexes whose build did not finish: every write maintains them, and no statement can use them."""
    rows = await _indexes(subject)
    findings = []
    for row in rows:
        if not row.is_valid and not row.is_building:
            name = row.index_name
            fix = "cabinet index apply" if name.startswith(PREFIX) else row.rebuild
            why = "its build did not finish: every write maintains it, and no statement can use it"
            findings.append(Finding("fault", f"index {name} on {row.table_name} is invalid", why, (fix,)))
    return Verdict(plural(len(rows), "index", "indexes"), findings)


async def missing_index(subject: Subject) -> Verdict:
    """Finds indexes that a statement's header names or a migration creates, and that do not exist."""
    there = {row.index_name for row in await _indexes(subject)}
    if not there:
        return Verdict("there are no tables of Cabinet")
    served, definitions = _served(subject.statements), _definitions(subject.statements)
    findings = []
    for name in sorted(({*served} | {*definitions}) - there):
        statements = served.get(name, [])
        why = f"{', '.join(statements[:5])}{' and others' if len(statements) > 5 else ''} "
        why = why + "would scan whole tables" if statements else "a migration created it, so something relies on it"
        fix = definitions.get(name) or f"-- {name} belongs to a key: see the migration that creates it"
        findings.append(Finding("fault", f"index {name} is missing", why, (fix,)))
    return Verdict(f"{len({*served} | {*definitions})} named", findings)


async def foreign_key_index(subject: Subject) -> Verdict:
    """Finds foreign keys without an index, for which each deletion of a referenced row scans the table."""
    rows = await subject.database.many("doctor/foreign_keys_without_index", max_rows=1000)
    findings = []
    for row in rows:
        problem = f"no index of {row.table_name} begins with {row.column_names}, a foreign key"
        why = "each deletion of a referenced row scans the whole table"
        findings.append(Finding("warning", problem, why, (row.fix,)))
    return Verdict("all have an index" if not rows else f"{len(rows)} without an index", findings)


async def duplicate_index(subject: Subject) -> Verdict:
    """Finds indexes on the same columns, in the same order and of the same kind."""
    by_table: dict[str, list[r.DoctorIndexes]] = defaultdict(list)
    for row in await _indexes(subject):
        if row.is_valid:
            by_table[row.table_name].append(row)
    named = {*_served(subject.statements), *_definitions(subject.statements)}
    findings = []
    for rows in by_table.values():
        for row in rows:
            twin = next((other for other in rows if _is_superfluous(row, other, named)), None)
            if twin is not None:
                problem = f"index {row.index_name} on {row.table_name} is the same as {twin.index_name}"
                why = f"every write maintains both; it takes {megabytes(row.size_bytes)}"
                findings.append(Finding("warning", problem, why, (row.remove,)))
    return Verdict("no duplicates" if not findings else plural(len(findings), "duplicate"), findings)


async def unused_index(subject: Subject) -> Verdict:
    """Finds large indexes that were never used although their tables were scanned often since the statistics reset."""
    limits, served = subject.limits, _served(subject.statements)
    findings = []
    for row in await _indexes(subject):
        judged = row.table_scans >= limits.scans_to_judge_by and row.size_bytes >= limits.large_index_bytes
        if not judged or row.scans or row.is_unique or not row.is_valid:
            continue
        name, size = row.index_name, megabytes(row.size_bytes)
        problem = f"index {name} on {row.table_name} ({size}) was never used in {row.table_scans:,} scans of the table"
        if name in served:
            why = f"it serves {', '.join(served[name][:3])}, which have not run; that is not a reason to drop it"
            findings.append(Finding("note", problem, why))
        elif name.startswith(PREFIX):
            findings.append(
                Finding("note", problem, "its tenant has not searched; cabinet index apply decides by size")
            )
        else:
            findings.append(
                Finding("warning", problem, "every write maintains it, and no statement needs it", (row.remove,))
            )
    return Verdict("all are used" if not findings else f"{len(findings)} unused", findings)


async def index_memory(subject: Subject) -> Verdict:
    """Compares the size of the HNSW indexes with shared_buffers and effective_cache_size."""
    rows = [row for row in await _indexes(subject) if row.method == "hnsw"]
    total = sum(row.size_bytes for row in rows)
    names = ["effective_cache_size", "shared_buffers"]
    settings = await subject.database.many("doctor/settings", names=names, max_rows=2)
    cache, buffers = (int(row.setting) * 8192 for row in settings)
    seen = f"{plural(len(rows), 'HNSW index', 'HNSW indexes')}, {megabytes(total)}; shared_buffers {megabytes(buffers)}"
    problem, fix = (
        f"the HNSW indexes take {megabytes(total)}",
        await set_setting(subject, "shared_buffers", f"{2 * total // 2**20}MB"),
    )
    if total > cache:
        why = f"more than effective_cache_size ({megabytes(cache)}): searches read from disk"
        fewer = "or raise CABINET_INDEX_MIN_ROWS, so that fewer tenants have an index: cabinet index apply"
        return Verdict(seen, [Finding("warning", problem, why, (f"more memory, then {fix}", fewer))])
    if total > buffers:
        why = f"more than shared_buffers ({megabytes(buffers)}): searches copy pages from the operating system's cache"
        return Verdict(seen, [Finding("note", problem, why, (fix,))])
    return Verdict(seen)


async def tenant_indexes(subject: Subject) -> Verdict:
    """Finds the steps that `cabinet index plan` prints."""
    settings = subject.settings
    steps = await planned_steps(subject.database, settings.index_min_rows, settings.index_max_count)
    findings = []
    for step in steps[:10]:
        problem = f"{step.index_name}: {step.action}, because {step.reason}"
        is_wrong = step.user_id is not None and not step.creates and step.has_index != (step.action == "drop")
        why = (
            "searches of this tenant compare all signatures, which takes longer the more there are"
            if step.creates
            else "every write maintains it, or the tenant is marked as having an index that does not exist"
        )
        findings.append(
            Finding("warning" if is_wrong and step.action == "note" else "note", problem, why, ("cabinet index apply",))
        )
    return Verdict("as planned" if not steps else plural(len(steps), "step") + " to run", findings)


async def _indexes(subject: Subject) -> Sequence[r.DoctorIndexes]:
    return await subject.database.many("doctor/indexes", max_rows=_MAX_ROWS)


def _served(statements: Mapping[str, Statement]) -> dict[str, list[str]]:
    """The statements that use each index, by the name of the index."""
    served: dict[str, list[str]] = defaultdict(list)
    # The doctor's statements come last, because they matter least.
    for statement in sorted(statements.values(), key=lambda one: one.name.startswith("doctor/")):
        for name in statement.indexes:
            # The ellipsis stands for the tenant in the names of own indexes.
            if not name.endswith("…"):
                served[name].append(statement.name)
    return served


def _definitions(statements: Mapping[str, Statement]) -> dict[str, str]:
    """The statements in the migrations and in `ddl/` that create indexes, by the name of the index.

    Indexes that a later migration drops are omitted.
    """
    files = sorted(resource_folder("migrations").glob("*.sql"))
    texts = [file.read_text(encoding="utf-8") for file in files if not file.name.endswith(".rollback.sql")]
    texts += [one.body for one in statements.values() if one.shape == "ddl"]
    definitions: dict[str, str] = {}
    for change in (change for text in texts for change in _CHANGE.finditer(text)):
        if change["dropped"]:
            definitions.pop(change["dropped"], None)
        else:
            definitions[change["name"]] = _concurrently(change[0])
    return definitions


def _concurrently(text: str) -> str:
    """Returns the statement with `concurrently`, so that the build does not block writes."""
    words = [word for word in text.split() if word != "concurrently"]
    place = words.index("index") + 1
    return " ".join([*words[:place], "concurrently", *words[place:]])


def _is_superfluous(row: r.DoctorIndexes, other: r.DoctorIndexes, named: set[str]) -> bool:
    """Whether `other` is equal and preferable: an index of a constraint, a unique index, or one of Cabinet."""
    if row.index_name == other.index_name or row.is_constraint:
        return False
    if (row.key_columns, row.rest) != (other.key_columns, other.rest):
        return False

    def rank(one: r.DoctorIndexes) -> tuple[bool, bool, bool, str]:
        return one.is_constraint, one.is_unique, one.index_name in named, one.index_name

    return rank(row) < rank(other)


CHECKS = (
    Check("invalid-index", "indexes", "that every index is valid", invalid_index),
    Check("missing-index", "indexes", "that every index exists that a statement needs", missing_index),
    Check("foreign-key-index", "indexes", "that every foreign key has an index", foreign_key_index),
    Check("duplicate-index", "indexes", "that no two indexes are equal", duplicate_index),
    Check("unused-index", "indexes", "that every large index is used", unused_index),
    Check("index-memory", "indexes", "that the HNSW indexes fit into memory", index_memory),
    Check(
        "tenant-indexes",
        "indexes",
        "that the large tenants have their own indexes",
        tenant_indexes,
    ),
)
