"""The statements of a migration: `cabinet migrate plan` prints them, `cabinet migrate apply` runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from svc.database.row_security import EVERYBODY
from svc.database.statements import Statement
from svc.migrations.files import Migration
from svc.migrations.roles import fill_names
from svc.settings.database import DatabaseSettings
from svc.vectors.signatures import signature_bits

Statements = Mapping[str, Statement]

# The tables of vectors, each with the files that create it, in this order.
VECTOR_DDL = {
    "chunk_vectors": ("ddl/chunk_vectors", "ddl/chunk_vectors_signature_index"),
    "message_vectors": ("ddl/message_vectors",),
}
# Other sessions queue behind a session that waits for a lock, so a step waits only briefly and then retries.
LOCK_TIMEOUT = "2s"
# A concurrent index build blocks no sessions while it waits for transactions to end, and loses its work if it is
# cancelled.
BUILD_LOCK_TIMEOUT = "10min"
_BEGIN, _COMMIT = "begin", "commit"


@dataclass(frozen=True)
class Command:
    """One statement, with its name on the first line, and the values of its parameters."""

    text: str
    arguments: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class MigrationStep:
    """Commands that run in one transaction, or outside of one if they build an index concurrently.

    `name` is used in messages; `header` is a comment with its purpose; `migration` is the id of the migration that it
    applies or rolls back.
    """

    name: str
    header: str
    commands: tuple[Command, ...]
    is_transactional: bool = True
    migration: str | None = None


def session_commands(statements: Statements) -> list[Command]:
    """The commands that set up the session."""
    return [
        named(statements["server/set_for_session"], "lock_timeout", LOCK_TIMEOUT),
        # A timeout that is set for the role or the database would abort an index build.
        named(statements["server/set_for_session"], "statement_timeout", "0"),
        # Under row level security, which also applies to the owner, a migration of rows would see no rows.
        named(statements["server/set_for_session"], "cabinet.user_id", EVERYBODY),
    ]


def lock_command(statements: Statements) -> Command:
    """The command that takes the lock for migrations; returns whether this session got it."""
    return named(statements["server/lock_migrations"])


def log_step(statements: Statements) -> MigrationStep:
    """Creates the table that records applied migrations."""
    return MigrationStep(
        name="The log of migrations",
        header="-- The log of migrations.",
        commands=(named(statements["ddl/migration_log"]),),
    )


def apply_step(migration: Migration, statements: Statements) -> MigrationStep:
    """Applies a migration and records it."""
    note = named(statements["server/note_migration"], migration.id, migration.checksum)
    return _migration_step(migration, migration.statements, note, statements)


def rollback_step(migration: Migration, statements: Statements) -> MigrationStep:
    """Rolls back a migration and removes its record."""
    note = named(statements["server/forget_migration"], migration.id)
    return _migration_step(migration, migration.back, note, statements)


def _migration_step(migration: Migration, texts: Iterable[str], note: Command, statements: Statements) -> MigrationStep:
    commands = [*(Command(f"-- migrations/{migration.id}\n{text}") for text in texts), note]
    if not migration.is_transactional:
        setting = statements["server/set_for_session"]
        commands.insert(0, named(setting, "lock_timeout", BUILD_LOCK_TIMEOUT))
        commands.append(named(setting, "lock_timeout", LOCK_TIMEOUT))
    return MigrationStep(
        f"Migration {migration.id}", migration.header, tuple(commands), migration.is_transactional, migration.id
    )


def vectors_step(
    settings: DatabaseSettings, records_model: bool, tables: Iterable[str], statements: Statements
) -> MigrationStep:
    """Records the embedding model and creates the tables of its vectors."""
    commands = []
    if records_model:
        commands.append(named(statements["server/record_model"], settings.model, settings.dimensions))
    for table in tables:
        for name in VECTOR_DDL[table]:
            commands.append(Command(f"-- {name}\n{fill_widths(statements[name].body, settings.dimensions)}"))
    return MigrationStep(
        name="The tables of vectors",
        header="-- The tables of vectors, with the dimensions of the embedding model.",
        commands=tuple(commands),
    )


def policies_step(statements: Statements, *, protects: bool, is_superuser: bool = False) -> MigrationStep:
    """Turns row level security on or off for all tables with rows of tenants. A superuser also keeps indexes usable."""
    names = ["policies/protect" if protects else "policies/unprotect"]
    names += ["policies/leakproof"] if protects and is_superuser else []
    return MigrationStep(
        name="Row level security",
        header=f"-- Row level security {'on' if protects else 'off'} for the tables with rows of users.",
        commands=tuple(named(statements[name]) for name in names),
    )


def grants_step(role: str, names: Iterable[str], statements: Statements) -> MigrationStep:
    """Grants the service's role the privileges that the statements need."""
    return MigrationStep(
        name="The privileges of the service role",
        header=f"-- The privileges of the role {json.dumps(role)} on the tables.",
        commands=tuple(Command(f"-- {name}\n{fill_names(statements[name].body, service_role=role)}") for name in names),
    )


def fill_widths(ddl: str, dimensions: int) -> str:
    """Replace `:dimensions` and `:bits` in DDL by integers; there are no other substitutions."""
    return ddl.replace(":dimensions", str(int(dimensions))).replace(":bits", str(signature_bits(dimensions)))


def named(statement: Statement, *arguments: str | int) -> Command:
    """Returns a statement of `sql/` as a command."""
    return Command(f"-- {statement.name}\n{statement.body}", arguments)


def script(steps: Iterable[MigrationStep], statements: Statements, settings: DatabaseSettings) -> str:
    """Returns all commands as a script for psql, in the order in which they run."""
    return "\n".join(_script_lines(list(steps), statements, settings)) + "\n"


def _script_lines(steps: list[MigrationStep], statements: Statements, settings: DatabaseSettings) -> Iterator[str]:
    yield '-- For psql, which stops at the first error: psql --no-psqlrc --file=FILE "$DATABASE_URL"'
    yield "\\set ON_ERROR_STOP on"
    yield ""
    yield "-- Session settings. A step that does not get its locks changes nothing; then generate and run a new script."
    yield f"-- `cabinet migrate apply` retries for {settings.migration_wait_s:g} s."
    for command in session_commands(statements):
        yield with_values(command)
    yield ""
    yield with_values(lock_command(statements)).removesuffix(";") + " \\gset"
    yield "\\if :locked"
    for number, step in enumerate(steps, start=1):
        yield ""
        # psql does not interpret text in quotes; none of the names contains a quote.
        yield f"\\echo '{number} of {len(steps)}: {step.name}'"
        yield step.header
        yield from _step_lines(step)
    yield ""
    yield "\\else"
    yield "\\warn 'Another session is migrating this database; this script did nothing.'"
    yield "\\endif"


def _step_lines(step: MigrationStep) -> Iterator[str]:
    texts = [with_values(command) for command in step.commands]
    yield from [f"{_BEGIN};", *texts, f"{_COMMIT};"] if step.is_transactional else texts


def with_values(command: Command) -> str:
    """Returns a command's text with its values in place of `$1`, `$2`, …"""
    literals = [_literal(value) for value in command.arguments]
    return re.sub(r"\$(\d)\b", lambda match: literals[int(match[1]) - 1], command.text) if literals else command.text


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
