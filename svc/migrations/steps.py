"""What migrating sends to the server, statement by statement: `cabinet migrate plan` prints it, `apply` sends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from svc.database.statements import Statement
from svc.migrations.files import Migration
from svc.migrations.roles import fill_names
from svc.settings.groups import DatabaseSettings
from svc.vectors.signatures import signature_bits

Statements = Mapping[str, Statement]

# The tables of vectors, each with the files that make it, in this order.
VECTOR_DDL = {
    "chunk_vectors": ("ddl/chunk_vectors", "ddl/chunk_vectors_signature_index"),
    "message_vectors": ("ddl/message_vectors",),
}
# All who come after a session that waits for a lock wait behind it, so it waits for a moment only, and tries again.
LOCK_TIMEOUT = "2s"
# Whoever builds an index concurrently holds up nobody while it waits for transactions to end, but loses its work.
BUILD_LOCK_TIMEOUT = "10min"
_BEGIN, _COMMIT = "begin", "commit"


@dataclass(frozen=True)
class Command:
    """One statement as it is sent, its name in the first line, and the values of its parameters."""

    text: str
    arguments: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class MigrationStep:
    """Commands that belong together: one transaction, or, for an index that is built concurrently, none.

    `name` is what messages call it; `header` says to people what it is for; `migration` is the id of the migration
    that it applies or takes back.
    """

    name: str
    header: str
    commands: tuple[Command, ...]
    is_transactional: bool = True
    migration: str | None = None


def session_commands(statements: Statements) -> list[Command]:
    """What the session is set to before anything else."""
    return [
        named(statements["server/set_for_session"], "lock_timeout", LOCK_TIMEOUT),
        # One that is set for the role or the database would end the building of an index.
        named(statements["server/set_for_session"], "statement_timeout", "0"),
    ]


def lock_command(statements: Statements) -> Command:
    """Answers whether this session may migrate; only one may at a time."""
    return named(statements["server/lock_migrations"])


def log_step(statements: Statements) -> MigrationStep:
    """Makes the table in which applied migrations are recorded."""
    return MigrationStep(
        name="The log of the migrations",
        header="-- The log of the migrations.",
        commands=(named(statements["ddl/migration_log"]),),
    )


def apply_step(migration: Migration, statements: Statements) -> MigrationStep:
    """Applies a migration and notes it."""
    note = named(statements["server/note_migration"], migration.id, migration.checksum)
    return _migration_step(migration, migration.statements, note, statements)


def rollback_step(migration: Migration, statements: Statements) -> MigrationStep:
    """Takes a migration back and forgets that it was applied."""
    note = named(statements["server/forget_migration"], migration.id)
    return _migration_step(migration, migration.back, note, statements)


def _migration_step(migration: Migration, texts: Iterable[str], note: Command, statements: Statements) -> MigrationStep:
    commands = [*(Command(f"-- migrations/{migration.id}\n{text}") for text in texts), note]
    if not migration.is_transactional:
        patience = statements["server/set_for_session"]
        commands.insert(0, named(patience, "lock_timeout", BUILD_LOCK_TIMEOUT))
        commands.append(named(patience, "lock_timeout", LOCK_TIMEOUT))
    return MigrationStep(
        f"Migration {migration.id}", migration.header, tuple(commands), migration.is_transactional, migration.id
    )


def vectors_step(
    settings: DatabaseSettings, records_model: bool, tables: Iterable[str], statements: Statements
) -> MigrationStep:
    """Records the embedding model and makes the tables of its vectors."""
    commands = []
    if records_model:
        commands.append(named(statements["server/record_model"], settings.model, settings.dimensions))
    for table in tables:
        for name in VECTOR_DDL[table]:
            commands.append(Command(f"-- {name}\n{fill_widths(statements[name].body, settings.dimensions)}"))
    return MigrationStep(
        name="The tables of the vectors",
        header="-- The tables of the vectors, as wide as those of the embedding model.",
        commands=tuple(commands),
    )


def grants_step(role: str, names: Iterable[str], statements: Statements) -> MigrationStep:
    """Grants the service's role what the statements need of the tables."""
    return MigrationStep(
        name="The rights of the role of the service",
        header=f"-- What the role {json.dumps(role)} may do with the tables.",
        commands=tuple(Command(f"-- {name}\n{fill_names(statements[name].body, service_role=role)}") for name in names),
    )


def fill_widths(ddl: str, dimensions: int) -> str:
    """DDL with `:dimensions` and `:bits` filled in: the only substitutions there are, and only integers."""
    return ddl.replace(":dimensions", str(int(dimensions))).replace(":bits", str(signature_bits(dimensions)))


def named(statement: Statement, *arguments: str | int) -> Command:
    """A statement of `sql/` as a command."""
    return Command(f"-- {statement.name}\n{statement.body}", arguments)


def script(steps: Iterable[MigrationStep], statements: Statements, settings: DatabaseSettings) -> str:
    """All of it as a script for psql, in the order in which it is sent."""
    return "\n".join(_script_lines(list(steps), statements, settings)) + "\n"


def _script_lines(steps: list[MigrationStep], statements: Statements, settings: DatabaseSettings) -> Iterator[str]:
    yield '-- For psql, which stops at the first error: psql --no-psqlrc --file=FILE "$DATABASE_URL"'
    yield "\\set ON_ERROR_STOP on"
    yield ""
    yield "-- The session. A step that gets no lock changes nothing; make the script anew then, and run that."
    yield f"-- `cabinet migrate apply` tries again by itself, for {settings.migration_wait_s:g} s."
    for command in session_commands(statements):
        yield with_values(command)
    yield ""
    yield with_values(lock_command(statements)).removesuffix(";") + " \\gset"
    yield "\\if :locked"
    for number, step in enumerate(steps, start=1):
        yield ""
        # psql takes what stands between quotes as it is; none of the names holds one.
        yield f"\\echo '{number} of {len(steps)}: {step.name}'"
        yield step.header
        yield from _step_lines(step)
    yield ""
    yield "\\else"
    yield "\\warn 'Another session is migrating this database; nothing was done.'"
    yield "\\endif"


def _step_lines(step: MigrationStep) -> Iterator[str]:
    texts = [with_values(command) for command in step.commands]
    yield from [f"{_BEGIN};", *texts, f"{_COMMIT};"] if step.is_transactional else texts


def with_values(command: Command) -> str:
    """A command's text with its values in place of `$1`, `$2`, …"""
    literals = [_literal(value) for value in command.arguments]
    return re.sub(r"\$(\d)\b", lambda match: literals[int(match[1]) - 1], command.text) if literals else command.text


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
