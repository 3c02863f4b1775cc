"""Reading `migrations/`: which there are, in which order, what each sends there and back.

The format is that of yoyo, which splits the files into statements and sorts them; it does not run them.
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
    """One migration: the lines of its header, its statements, those that take it back, and a digest of what it does.

    `is_transactional` is false for one whose statements must not be in a transaction: an index built concurrently.
    """

    id: str
    header: str
    statements: tuple[str, ...]
    back: tuple[str, ...]
    is_transactional: bool
    checksum: str
    path: Path


def read_migrations() -> list[Migration]:
    """The migrations that this release brings, in the order in which they are applied.

    Raises:
        StartupError: a file names one before it that is not there.
    """
    folder = resource_folder("migrations")
    states = ((path.name, path.stat()) for path in sorted(folder.glob("*.sql")))
    return list(_read_folder(folder, tuple((name, state.st_mtime_ns, state.st_size) for name, state in states)))


def migration_ids() -> list[str]:
    """The ids of these migrations, in the same order."""
    return [migration.id for migration in read_migrations()]


def edited_migrations(rows: Iterable[ServerAppliedMigrations]) -> list[str]:
    """The ids of the migrations whose files say something else than when they were applied, as `rows` (those of
    `server/applied_migrations`) tell; a file that is gone says nothing."""
    checksums = {migration.id: migration.checksum for migration in read_migrations()}
    return [row.id for row in rows if checksums.get(row.id, row.checksum) != row.checksum]


# Splitting the files takes a tenth of a second, and a running service asks for the newest of them: once for each state
# of the files, their names, times and sizes.
@lru_cache(maxsize=4)
def _read_folder(folder: Path, _files: tuple[tuple[str, int, int], ...]) -> tuple[Migration, ...]:
    try:
        return tuple(_read(Path(one.path)) for one in topological_sort(yoyo.read_migrations(str(folder))))
    except BadMigration as error:
        raise StartupError(f"The migrations in {folder} do not fit together: {error}") from error


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
    """SHA-256 of the words of statements: comments may be corrected and lines wrapped, nothing else."""
    words = [
        word
        for statement in statements
        for kind, word in lexer.tokenize(statement)  # type: ignore[no-untyped-call]
        if kind not in Whitespace and kind not in Comment
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()
