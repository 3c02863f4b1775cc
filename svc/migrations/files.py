"""Reads `migrations/`: their order, their statements, and the statements that roll them back.

The files have the format of yoyo, which splits them into statements and sorts them, but does not run them.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from sqlparse import lexer
from sqlparse.tokens import Comment, Whitespace
from yoyo.migrations import parse_metadata_from_sql_comments, read_sql_migration
from yoyo.topologicalsort import CycleError, topological_sort

from svc.database.rows import ServerAppliedMigrations
from svc.errors import StartupError
from svc.resources import resource_folder


@dataclass(frozen=True)
class Migration:
    """One migration: its header, the ids of those that it depends on, its text, and the file that it comes from.

    `is_transactional` is false if the statements cannot run in a transaction, because they build an index concurrently.
    """

    id: str
    header: str
    depends: tuple[str, ...]
    is_transactional: bool
    text: str
    path: Path

    # Splitting all files takes half a second, which only a database that lacks migrations needs.
    @cached_property
    def statements(self) -> tuple[str, ...]:
        """The statements that apply it."""
        return _statements(self.path)

    @cached_property
    def back(self) -> tuple[str, ...]:
        """The statements that roll it back."""
        return _statements(self.path.with_suffix(".rollback.sql"))

    @cached_property
    def checksum(self) -> str:
        """The checksum of its statements."""
        return checksum([self.text])


def read_migrations() -> list[Migration]:
    """The migrations of this release, in the order in which they are applied.

    Raises:
        StartupError: a file depends on a migration that does not exist, or files depend on each other.
    """
    folder = resource_folder("migrations")
    states = ((path.name, path.stat()) for path in sorted(folder.glob("*.sql")))
    return list(_read_folder(folder, tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)))


def migration_ids() -> list[str]:
    """The ids of these migrations, in the same order."""
    return [migration.id for migration in read_migrations()]


def edited_migrations(rows: Iterable[ServerAppliedMigrations]) -> list[str]:
    """The ids of the migrations whose files were edited after they were applied; missing files are skipped.

    `rows` are those of `server/applied_migrations`.
    """
    checksums = {migration.id: migration.checksum for migration in read_migrations()}
    return [row.id for row in rows if checksums.get(row.id, row.checksum) != row.checksum]


# A running service needs the newest id repeatedly. The key of the cache is the names, times and sizes of the files.
@lru_cache(maxsize=4)
def _read_folder(folder: Path, files: tuple[tuple[str, int, int], ...]) -> tuple[Migration, ...]:
    names = [name for name, *_ in files if not name.endswith(".rollback.sql")]
    migrations = {migration.id: migration for migration in (_read(folder / name) for name in names)}
    for migration in migrations.values():
        if missing := [name for name in migration.depends if name not in migrations]:
            raise StartupError(f"The migration {migration.path} depends on {missing[0]}, which does not exist")
    try:
        order = topological_sort(migrations, {migration.id: migration.depends for migration in migrations.values()})
        return tuple(migrations[name] for name in order)
    except CycleError as error:
        raise StartupError(f"The migrations in {folder} depend on each other: {', '.join(error.args[1])}") from error


def _read(path: Path) -> Migration:
    text = path.read_text(encoding="utf-8")
    directives, _, _ = parse_metadata_from_sql_comments(text)
    return Migration(
        id=path.stem,
        header="\n".join(itertools.takewhile(lambda line: line.startswith("--"), text.splitlines())),
        depends=tuple(directives.get("depends", "").split()),
        is_transactional=directives.get("transactional", "true").strip() != "false",
        text=text,
        path=path,
    )


def _statements(path: Path) -> tuple[str, ...]:
    return tuple(statement.strip() for statement in read_sql_migration(str(path))[2])


def checksum(statements: Iterable[str]) -> str:
    """The SHA-256 of the words of statements: only comments and white space may change."""
    words = [
        word
        for statement in statements
        for kind, word in lexer.tokenize(statement)  # type: ignore[no-untyped-call]
        if kind not in Whitespace and kind not in Comment
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
