"""Noticing that a migration was edited after a database had taken it: yoyo knows migrations by their names only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import asyncpg

from svc.database.statements import Statement
from svc.errors import StartupError
from svc.resources import resource_folder


async def check_unchanged(connection: Any, statements: Mapping[str, Statement]) -> None:
    """Compare the migrations that the database has with the files of this release.

    Raises:
        StartupError: a file says something else than when it was applied.
    """
    try:
        rows = await connection.fetch(statements["server/noted_migrations"].text)
    except asyncpg.UndefinedTableError:
        return
    for name in edited_migrations(rows):
        raise StartupError(
            f"Migration {name} was edited after this database took it, so the two differ now and nobody knows how. "
            f"Put {_file(name)} back as it was, and make the change a migration of its own."
        )


def edited_migrations(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The migrations whose files say something else than when they were applied; rows of `server/noted_migrations`."""
    return [
        row["migration_id"]
        for row in rows
        if row["checksum"] is not None
        and _file(row["migration_id"]).exists()
        and checksum(_file(row["migration_id"])) != row["checksum"]
    ]


async def note_checksums(connection: Any, statements: Mapping[str, Statement], applied: Iterable[str]) -> None:
    """Note what the migrations in `applied` say, and every other one that the database has without a note."""
    rows = await connection.fetch(statements["server/noted_migrations"].text)
    for name in {*applied, *(row["migration_id"] for row in rows if row["checksum"] is None)}:
        if _file(name).exists():
            await connection.execute(statements["server/note_migration"].text, name, checksum(_file(name)))


def checksum(file: Path) -> str:
    """SHA-256 of what a migration does: its comments may be corrected, its lines wrapped."""
    lines = file.read_text(encoding="utf-8").splitlines()
    words = " ".join(line for line in lines if not line.startswith("--")).split()
    return f"sha256:{hashlib.sha256(' '.join(words).encode()).hexdigest()}"


def _file(name: str) -> Path:
    return resource_folder("migrations") / f"{name}.sql"
