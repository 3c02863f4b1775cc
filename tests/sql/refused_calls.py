"""Calls of statements that mypy refuses. They are never run.

mypy reports unused ignores, so each line here proves that `make check` finds the mistake.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

from svc.database import rows as r
from svc.database.queries import Database, Transaction


class Document(TypedDict):
    """Arguments, one of which has the wrong type."""

    user_id: UUID
    document_id: float


async def parameters(database: Database, transaction: Transaction, user_id: UUID) -> None:
    """A parameter that is missing, misspelt, superfluous, or has the wrong type."""
    await database.one("users/get")  # type: ignore[call-arg]
    await database.one("users/get", usr_id=user_id)  # type: ignore[call-arg]
    await database.one("users/get", user_id=user_id, email="ada@example.org")  # type: ignore[call-arg]
    await database.one("users/get", user_id="00000000-0000-0000-0000-000000000000")  # type: ignore[arg-type]
    await database.one("users/get", user_id=None)  # type: ignore[arg-type]
    await database.many("documents/list", user_id=user_id, after=None, max_rows="100")  # type: ignore[arg-type]
    await database.many("doctor/settings", names=["jit", 1], max_rows=10)  # type: ignore[list-item]
    await database.exec("documents/delete", user_id=user_id)  # type: ignore[call-arg]
    await transaction.value("message_search/size", user_id=user_id, conversation_id=None, max_rows=1.5)  # type: ignore[arg-type]


async def statements(database: Database, name: str, user_id: UUID) -> None:
    """A statement that does not exist or has another shape, or a name that is known only at run time."""
    await database.one("users/gone", user_id=user_id)  # type: ignore[call-overload]
    await database.many("users/get", user_id=user_id)  # type: ignore[call-overload]
    await database.one(name, user_id=user_id)  # type: ignore[call-overload]


async def arguments_in_a_mapping(database: Database, user_id: UUID, seconds: float) -> None:
    """A mapping whose keys are not known, which has a value of the wrong type, or which lacks a value."""
    key = {"user_id": user_id, "document_id": user_id}
    await database.exec("ingest/fail", error="", **key)  # type: ignore[arg-type]
    anything: dict[str, Any] = {"worker": "w"}
    await database.one("ingest/claim", **anything)  # type: ignore[arg-type]
    named: Document = {"user_id": user_id, "document_id": seconds}
    await database.exec("collection_files/remove", **named, collection_id=user_id)  # type: ignore[arg-type]
    await database.exec("ingest/fail", error="", **named)  # type: ignore[arg-type, call-arg]


async def columns(database: Database, user_id: UUID) -> None:
    """A column that the statement does not return, or a value that can be null."""
    row = await database.one("users/get", user_id=user_id)
    print(row.email)  # type: ignore[union-attr]
    assert row is not None
    print(row.mail)  # type: ignore[attr-defined]
    print(row["email"])  # type: ignore[index]
    print(dict(row))  # type: ignore[call-overload]
    print({**row})  # type: ignore[dict-item]
    print(row.name.upper())  # type: ignore[union-attr]
    created: str = row.created_at  # type: ignore[assignment]
    print(created)
    seconds: float = await database.value("ingest/next_due")  # type: ignore[assignment]
    print(seconds)


async def lanes(database: Database, lane: Literal["search/exact", "search/bits"], user_id: UUID) -> None:
    """A union of names, one of which lacks a parameter."""
    await database.many(lane, user_id=user_id)  # type: ignore[call-overload]


async def copies(database: Database, user_id: UUID, now: datetime, row: Any) -> None:
    """Rows for a COPY without names, with a missing column, or for another statement."""
    await database.copy("import/document_contents", [(user_id, user_id, b"text")])  # type: ignore[list-item]
    r.ImportDocumentContents(user_id=user_id, document_id=user_id)  # type: ignore[call-arg]
    contents = r.ImportDocumentContents(user_id=user_id, document_id=user_id, content=b"text", charset=None)
    await database.copy("import/chunks", [contents])  # type: ignore[list-item]
    print(now, row)
