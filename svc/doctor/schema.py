"""The schema: migrations that are missing, were edited or come from a later release, and statements that do not fit."""

from __future__ import annotations

from svc.database.failures import UNFIT
from svc.doctor.checks import Check, Finding, Subject, Verdict
from svc.errors import StartupError
from svc.migrations.files import edited_migrations, migration_ids

_SHOWN = 5


async def migrations(subject: Subject) -> Verdict:
    """All of them, and none that this release does not know."""
    wanted = migration_ids()
    try:
        rows = await subject.database.many("server/applied_migrations")
    except UNFIT:
        # Not even the table that notes them is there.
        rows = []
    applied = [row.id for row in rows]
    missing = [name for name in wanted if name not in applied]
    unknown = [name for name in applied if name not in wanted]
    findings = []
    if missing:
        why = "the service refuses to start"
        findings.append(Finding("fault", f"the database lacks {', '.join(missing)}", why, ("cabinet migrate apply",)))
    if unknown:
        why = "the database was migrated by a later release, or this one is a step behind its servers"
        findings.append(Finding("note", f"this release does not know {', '.join(unknown)}", why, ("upgrade Cabinet",)))
    return Verdict(f"{len(applied)} applied", findings)


async def edited_migration(subject: Subject) -> Verdict:
    """By the checksum that was noted with each."""
    rows = await subject.database.many("server/applied_migrations")
    findings = []
    for name in edited_migrations(rows):
        what = f"migration {name} was edited after this database took it"
        why = "the schema and the file differ, and nobody knows how; cabinet migrate apply refuses to go on"
        mend = (f"put migrations/{name}.sql back as it was, and make the change a migration of its own",)
        findings.append(Finding("fault", what, why, mend))
    return Verdict(f"{len(rows)} with a checksum", findings)


async def statements(subject: Subject) -> Verdict:
    """Each file of `sql/` is prepared, and its header compared, as at the start of the service."""
    try:
        await subject.searching.check()
    except StartupError as error:
        faults, why = error.detail.splitlines(), "the service refuses to start"
        findings = [Finding("fault", fault, why) for fault in faults[:_SHOWN]]
        if len(faults) > _SHOWN:
            findings.append(Finding("fault", f"and {len(faults) - _SHOWN} other statements do not fit", why))
        return Verdict(f"{len(faults)} do not", findings)
    return Verdict(f"{len(subject.statements)} do")


CHECKS = (
    Check("migrations", "schema", "that the database has the migrations of this release", migrations),
    Check("edited-migration", "schema", "that no migration was edited after it was applied", edited_migration),
    Check("statements", "schema", "that every statement fits the schema", statements),
)
