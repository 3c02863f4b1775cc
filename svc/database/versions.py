"""The oldest supported versions of PostgreSQL and pgvector."""

from __future__ import annotations

from svc.database.rows import ServerVersions
from svc.errors import StartupError

OLDEST_SERVER = 16
OLDEST_VECTOR = (0, 8, 5)


def check_versions(row: ServerVersions | None) -> None:
    """Compare the row of `server/versions` with the versions that this release requires.

    An older pgvector would ignore `hnsw.iterative_scan` as an unknown setting and silently lose rows.

    Raises:
        StartupError: the server or its pgvector is too old, or pgvector is not installed.
    """
    assert row is not None
    if row.server_version_num < OLDEST_SERVER * 10_000:
        raise StartupError(f"The database is PostgreSQL {row.server_version}; Cabinet needs {OLDEST_SERVER} or later")
    vector = row.vector_version
    if vector is None:
        raise StartupError("The database has no pgvector; run: cabinet migrate apply")
    if parse_version(vector) < OLDEST_VECTOR:
        needed = ".".join(str(part) for part in OLDEST_VECTOR)
        raise StartupError(
            f"The database has pgvector {vector}; Cabinet needs {needed} or later. Install it on the server, then "
            "update the extension in this database."
        )


def parse_version(text: str) -> tuple[int, ...]:
    """Returns the numbers of a version, such as `(0, 8, 5)` for `0.8.5`."""
    return tuple(int(part) for part in text.split("."))
