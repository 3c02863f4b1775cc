"""Reads `migrations/`: their order, their statements, and the statements that roll them back.

The files have the format of yoyo, which splits them into statements and sorts them, but does not run them.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yoyo
from sqlparse import lexer
from sqlparse.tokens import Comment, Whitespace
from yoyo.exceptions import BadMigration
from yoyo.migrations import read_sql_migration, topological_sort

from svc.database.rows import ServerAppliedMigrations
from svc.errors import StartupError
from svc.resources import resource_folder


@dataclass(frozen=True)
class Migration:
    """One migration: its header, its statements, the statements that roll it back, and a checksum.

    `is_transactional` is false if the statements cannot run in a transaction, because they build an index concurrently.
    """

    id: str
    header: str
    statements: tuple[str, ...]
    back: tuple[str, ...]
    is_transactional: bool
    checksum: str
    path: Path


def read_migrations() -> list[Migration]:
    """The migrations of this release, in the order in which they are applied.

    Raises:
        StartupError: a file depends on a migration that does not exist.
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


# Splitting the files takes a tenth of a second, and a running service needs the newest id repeatedly. The key of the
# cache is the names, times and sizes of the files.
@lru_cache(maxsize=4)
def _read_folder(folder: Path, _files: tuple[tuple[str, int, int], ...]) -> tuple[Migration, ...]:
    try:
        return tuple(_read(Path(one.path)) for one in topological_sort(yoyo.read_migrations(str(folder))))
    except BadMigration as error:
        raise StartupError(f"The migrations in {folder} are inconsistent: {error}") from error


def _read(path: Path) -> Migration:
    lines = path.read_text(encoding="utf-8").splitlines()
    directives, _, statements = read_sql_migration(str(path))
    _, _, back = read_sql_migration(str(path.with_suffix(".rollback.sql")))
    return Migration(
        id=path.stem,
        header="\n".join(itertools.takewhile(lambda line: line.startswith("--"), lines)),
        statements=tuple(statement.strip() for statement in statements),
        back=tuple(statement.strip() for statement in back),
        is_transactional=directives.get("transactional", "true").strip() != "false",
        checksum=checksum(statements),
        path=path,
    )


def checksum(statements: Iterable[str]) -> str:
    """The SHA-256 of the words of statements: only comments and white space may change."""
    words = [
        word
        for statement in statements
        for kind, word in lexer.tokenize(statement)  # type: ignore[no-untyped-call]
        if kind not in Whitespace and kind not in Comment
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
