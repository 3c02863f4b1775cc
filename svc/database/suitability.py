"""Checks whether a database is suitable for Cabinet, by the row of `server/database`."""

from __future__ import annotations

from svc.database.rows import ServerDatabase
from svc.errors import StartupError


def check_suitable(row: ServerDatabase | None) -> None:
    """Check the encoding of the database and the schema of pgvector.

    Raises:
        StartupError: the database cannot store every text, or the schema of pgvector is not on the search path.
    """
    assert row is not None
    name = row.database_name
    if row.encoding != "UTF8":
        raise StartupError(
            f"The database {name} has the encoding {row.encoding}, which cannot store every text; Cabinet needs "
            f"UTF8. The encoding is fixed when a database is created: create another one with encoding 'UTF8' from "
            "template0, and use its URL."
        )
    schema = row.vector_schema
    if schema is not None and not row.is_vector_found:
        raise StartupError(
            f"pgvector is installed in the schema {schema} of the database {name}, which is not on the search path of "
            f"this login ({row.search_path}). Add it for both roles: "
            f'alter database "{name}" set search_path = {row.search_path}, "{schema}"; or move it: '
            "alter extension vector set schema public."
        )


def check_writable(row: ServerDatabase | None) -> None:
    """Check that transactions can write.

    Raises:
        StartupError: the database is read-only.
    """
    assert row is not None
    name = row.database_name
    if row.is_standby:
        raise StartupError(
            f"The database {name} is on a standby, which is read-only. Use the URL of the primary; with several "
            "hosts in the URL, add target_session_attrs=read-write."
        )
    if row.is_read_only:
        raise StartupError(
            f"The database {name} is read-only for this login: default_transaction_read_only is on for the server, "
            "the database or the role. To turn it off: "
            f'alter database "{name}" set default_transaction_read_only = off.'
        )
