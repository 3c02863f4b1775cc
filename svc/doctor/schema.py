"""Checks of the schema: missing, edited and unknown migrations, and statements that do not match the schema."""

from __future__ import annotations

from svc.database.failures import UNFIT
from svc.doctor.checks import Check, Finding, Subject, Verdict
from svc.errors import StartupError
from svc.migrations.files import edited_migrations, migration_ids

_SHOWN = 5


async def migrations(subject: Subject) -> Verdict:
    """Finds missing migrations and those that this release does not know."""
    wanted = migration_ids()
    try:
        rows = await subject.database.many("server/applied_migrations")
    except UNFIT:
        # Even the log of migrations does not exist.
        rows = []
    applied = [row.id for row in rows]
    missing = [name for name in wanted if name not in applied]
    unknown = [name for name in applied if name not in wanted]
    findings = []
    if missing:
        why = "the service refuses to start"
        findings.append(Finding("fault", f"the database lacks {', '.join(missing)}", why, ("cabinet migrate apply",)))
    if unknown:
        why = "a later release has migrated the database"
        findings.append(Finding("note", f"this release does not know {', '.join(unknown)}", why, ("upgrade Cabinet",)))
    return Verdict(f"{len(applied)} applied", findings)


async def edited_migration(subject: Subject) -> Verdict:
    """Finds migrations whose checksum differs from the one that was recorded when they were applied."""
    rows = await subject.database.many("server/applied_migrations")
    findings = []
    for name in edited_migrations(rows):
        problem = f"migration {name} was edited after it was applied to this database"
        why = "the schema may differ from the file; cabinet migrate apply refuses to continue"
        fix = (f"restore migrations/{name}.sql, and put the change into a new migration",)
        findings.append(Finding("fault", problem, why, fix))
    return Verdict(f"{len(rows)} with a checksum", findings)


async def statements(subject: Subject) -> Verdict:
    """Prepares each file of `sql/` and compares its header, as the service does when it starts."""
    try:
        await subject.searching.check()
    except StartupError as error:
        faults, why = error.detail.splitlines(), "the service refuses to start"
        findings = [Finding("fault", fault, why) for fault in faults[:_SHOWN]]
        if len(faults) > _SHOWN:
            findings.append(Finding("fault", f"and {len(faults) - _SHOWN} other statements do not match", why))
        return Verdict(f"{len(faults)} do not match", findings)
    return Verdict(f"{len(subject.statements)} match")


CHECKS = (
    Check("migrations", "schema", "that the database has the migrations of this release", migrations),
    Check("edited-migration", "schema", "that no migration was edited after it was applied", edited_migration),
    Check("statements", "schema", "that every statement matches the schema", statements),
)
