"""The indexes: those that a statement is written for and that are not there, invalid ones, idle ones, twins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from svc.database import rows as r
from svc.database.statements import Statement
from svc.doctor.checks import Check, Finding, Subject, Verdict, megabytes, plural
from svc.doctor.configuration import set_setting
from svc.resources import resource_folder
from svc.search.own_indexes import PREFIX, planned_steps

_MAX_ROWS = 10_000
_CREATE = re.compile(r"create (?:unique )?index (?:concurrently )?(?:if not exists )?(?P<name>\w+) on [^;]+;")


async def invalid_index(subject: Subject) -> Verdict:
    """One whose build did not end: it costs every write and serves no statement."""
    rows = await _indexes(subject)
    findings = []
    for row in rows:
        if not row.is_valid and not row.is_building:
            name = row.index_name
            mend = "cabinet index apply" if name.startswith(PREFIX) else row.rebuild
            why = "a build of it did not end: every write keeps it up, and no statement can use it"
            findings.append(Finding("fault", f"index {name} on {row.table_name} is invalid", why, (mend,)))
    return Verdict(plural(len(rows), "index", "indexes"), findings)


async def missing_index(subject: Subject) -> Verdict:
    """Those that the headers of the statements name, and those that the migrations make."""
    there = {row.index_name for row in await _indexes(subject)}
    if not there:
        return Verdict("no table of Cabinet is there")
    served, definitions = _served(subject.statements), _definitions(subject.statements)
    findings = []
    for name in sorted(({*served} | {*definitions}) - there):
        statements = served.get(name, [])
        why = f"{', '.join(statements[:5])}{' and others' if len(statements) > 5 else ''} "
        why = why + "would read whole tables" if statements else "a migration made it, so something relies on it"
        mend = definitions.get(name) or f"-- {name} belongs to a key: see the migration that makes it"
        findings.append(Finding("fault", f"index {name} is missing", why, (mend,)))
    return Verdict(f"{len({*served} | {*definitions})} named", findings)


async def foreign_key_index(subject: Subject) -> Verdict:
    """A deletion looks for what refers to the row."""
    rows = await subject.database.many("doctor/foreign_keys_without_index", max_rows=1000)
    findings = []
    for row in rows:
        what = f"no index of {row.table_name} begins with {row.column_names}, a foreign key"
        why = "each deletion of the row that is referred to reads the whole table"
        findings.append(Finding("warning", what, why, (row.mend,)))
    return Verdict("all have one" if not rows else f"{len(rows)} without", findings)


async def duplicate_index(subject: Subject) -> Verdict:
    """Of the same columns, in the same order and of the same kind."""
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
                what = f"index {row.index_name} on {row.table_name} says what {twin.index_name} says"
                why = f"every write keeps both up; {megabytes(row.size_bytes)}"
                findings.append(Finding("warning", what, why, (row.remove,)))
    return Verdict("none are" if not findings else plural(len(findings), "twin"), findings)


async def unused_index(subject: Subject) -> Verdict:
    """Not once, where its table's other indexes were scanned often since the statistics began."""
    limits, served = subject.limits, _served(subject.statements)
    findings = []
    for row in await _indexes(subject):
        judged = row.table_scans >= limits.scans_to_judge_by and row.size_bytes >= limits.large_index_bytes
        if not judged or row.scans or row.is_unique or not row.is_valid:
            continue
        name, size = row.index_name, megabytes(row.size_bytes)
        what = f"index {name} on {row.table_name} ({size}) was never used in {row.table_scans:,} scans of the table"
        if name in served:
            why = f"it serves {', '.join(served[name][:3])}, which nobody has called; no reason yet to drop it"
            findings.append(Finding("note", what, why))
        elif name.startswith(PREFIX):
            findings.append(Finding("note", what, "its tenant has not searched; cabinet index apply decides by size"))
        else:
            findings.append(
                Finding("warning", what, "every write keeps it up, and no statement names it", (row.remove,))
            )
    return Verdict("none is idle" if not findings else plural(len(findings), "idle one"), findings)


async def index_memory(subject: Subject) -> Verdict:
    """Into what the server keeps, or at least into what it takes for the machine's cache."""
    rows = [row for row in await _indexes(subject) if row.method == "hnsw"]
    total = sum(row.size_bytes for row in rows)
    names = ["effective_cache_size", "shared_buffers"]
    settings = await subject.database.many("doctor/settings", names=names, max_rows=2)
    cache, buffers = (int(row.setting) * 8192 for row in settings)
    seen = f"{plural(len(rows), 'HNSW index', 'HNSW indexes')}, {megabytes(total)}; shared_buffers {megabytes(buffers)}"
    what, mend = (
        f"the HNSW indexes take {megabytes(total)}",
        await set_setting(subject, "shared_buffers", f"{2 * total // 2**20}MB"),
    )
    if total > cache:
        why = f"more than the machine's cache by effective_cache_size ({megabytes(cache)}): searches read the disk"
        fewer = "or raise CABINET_INDEX_MIN_ROWS, so that fewer tenants have one: cabinet index apply"
        return Verdict(seen, [Finding("warning", what, why, (f"more memory, then {mend}", fewer))])
    if total > buffers:
        why = f"more than shared_buffers ({megabytes(buffers)}): searches copy from the machine's cache"
        return Verdict(seen, [Finding("note", what, why, (mend,))])
    return Verdict(seen)


async def tenant_indexes(subject: Subject) -> Verdict:
    """What `cabinet index plan` would do."""
    settings = subject.settings
    steps = await planned_steps(subject.database, settings.index_min_rows, settings.index_max_count)
    findings = []
    for step in steps[:10]:
        what = f"{step.index_name}: {step.action}, because {step.reason}"
        is_wrong = step.user_id is not None and not step.creates and step.has_index != (step.action == "drop")
        why = (
            "searches of this tenant go by signatures, slower the more they are"
            if step.creates
            else "it is kept up by every write, or searches are told of what is not there"
        )
        findings.append(
            Finding("warning" if is_wrong and step.action == "note" else "note", what, why, ("cabinet index apply",))
        )
    return Verdict("as planned" if not steps else plural(len(steps), "step") + " to take", findings)


async def _indexes(subject: Subject) -> Sequence[r.DoctorIndexes]:
    return await subject.database.many("doctor/indexes", max_rows=_MAX_ROWS)


def _served(statements: Mapping[str, Statement]) -> dict[str, list[str]]:
    """The statements that are written for an index, by its name."""
    served: dict[str, list[str]] = defaultdict(list)
    # The doctor's own last: they are the least of a reason.
    for statement in sorted(statements.values(), key=lambda one: one.name.startswith("doctor/")):
        for name in statement.indexes:
            # The ellipsis stands for a tenant: each large one has an index of its own.
            if not name.endswith("…"):
                served[name].append(statement.name)
    return served


def _definitions(statements: Mapping[str, Statement]) -> dict[str, str]:
    """What makes each index that is made by a statement of its own: of the migrations, and of `ddl/`."""
    files = sorted(resource_folder("migrations").glob("*.sql"))
    texts = [file.read_text(encoding="utf-8") for file in files if not file.name.endswith(".rollback.sql")]
    texts += [one.body for one in statements.values() if one.shape == "ddl"]
    return {made["name"]: _concurrently(made[0]) for text in texts for made in _CREATE.finditer(text)}


def _concurrently(text: str) -> str:
    """The same index, built beside reads and writes."""
    words = [word for word in text.split() if word != "concurrently"]
    place = words.index("index") + 1
    return " ".join([*words[:place], "concurrently", *words[place:]])


def _is_superfluous(row: r.DoctorIndexes, other: r.DoctorIndexes, named: set[str]) -> bool:
    """Whether `other` is the same and the one to keep: a constraint's, a unique one, one of Cabinet's own."""
    if row.index_name == other.index_name or row.is_constraint:
        return False
    if (row.key_columns, row.rest) != (other.key_columns, other.rest):
        return False

    def worth(one: r.DoctorIndexes) -> tuple[bool, bool, bool, str]:
        return one.is_constraint, one.is_unique, one.index_name in named, one.index_name

    return worth(row) < worth(other)


CHECKS = (
    Check("invalid-index", "indexes", "that every index is valid", invalid_index),
    Check("missing-index", "indexes", "that every index is there that a statement is written for", missing_index),
    Check("foreign-key-index", "indexes", "that every foreign key has an index", foreign_key_index),
    Check("duplicate-index", "indexes", "that no two indexes are the same", duplicate_index),
    Check("unused-index", "indexes", "that every large index is used", unused_index),
    Check("index-memory", "indexes", "that the HNSW indexes fit into memory", index_memory),
    Check(
        "tenant-indexes",
        "indexes",
        "that the tenants who should have an index have one",
        tenant_indexes,
    ),
)
