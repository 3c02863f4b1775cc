"""Files that are not exports or were altered are refused with the number of the line, and nothing is stored."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from svc.database.queries import Database
from svc.tenants.imports import import_user
from svc.tenants.reading import BadExportError
from tests.tenants.files import exported, file_of, lines_of
from tests.tenants.made_up import make_large_user
from tests.tenants.stored import mentions

Line = dict[str, Any]


@pytest_asyncio.fixture
async def export(database: Database) -> bytes:
    """An export with rows of most tables."""
    user_id = await make_large_user(database, documents=2, chunks_each=2, conversations=2, messages_each=2)
    return await exported(database, user_id)


async def refused(database: Database, observer: Any, file: BytesIO, line: str) -> str:
    """The error of an import of this file at this line, after checking that it stored nothing."""
    with pytest.raises(BadExportError, match=rf"^line {line}: ") as error:
        await import_user(database, file)
    assert await observer.fetchval("select count(*) from users") == 0
    return error.value.detail


@pytest_asyncio.fixture
async def elsewhere(database: Database, observer: Any, export: bytes) -> Database:
    """The database after the user of the export was erased."""
    await observer.execute("delete from users")
    assert await mentions(observer, UUID(lines_of(export)[0]["user_id"])) == {}
    return database


async def test_a_truncated_file_is_refused(elsewhere: Database, observer: Any, export: bytes) -> None:
    lines = export.splitlines(keepends=True)
    for kept in range(1, len(lines)):
        whole = b"".join(lines[:kept])
        detail = await refused(elsewhere, observer, BytesIO(whole), str(kept))
        assert "truncated: its last line is missing" in detail
        detail = await refused(elsewhere, observer, BytesIO(whole + lines[kept][:-1]), str(kept + 1))
        assert "truncated within this line" in detail
        detail = await refused(elsewhere, observer, BytesIO(whole + lines[kept][:1]), str(kept + 1))
        assert "truncated within this line" in detail
    assert "empty" in await refused(elsewhere, observer, BytesIO(), "1")


async def test_an_altered_file_is_refused(elsewhere: Database, observer: Any, export: bytes) -> None:
    """One character of one line is changed, but the line can still be read."""
    lines = export.splitlines(keepends=True)
    last = str(len(lines))
    for number, line in enumerate(lines[1:-1], start=1):
        at = line.index(b":", len(b'{"line":')) + 2
        other = b"1" if line[at : at + 1] != b"1" else b"2"
        altered = [*lines[:number], line[:at] + other + line[at + 1 :], *lines[number + 1 :]]
        with pytest.raises(BadExportError):
            await import_user(elsewhere, BytesIO(b"".join(altered)))
    for change in (
        [*lines[:5], *lines[6:]],
        [*lines[:5], lines[5], lines[5], *lines[6:]],
        [*lines[:-2], lines[-1]],
    ):
        detail = await refused(elsewhere, observer, BytesIO(b"".join(change)), str(len(change)))
        assert re.search(r"preceded by \d+ rows of \w+, not \d+: the file was altered", detail)
    swapped = [*lines[:5], lines[6], lines[5], *lines[7:]]
    assert "SHA-256" in await refused(elsewhere, observer, BytesIO(b"".join(swapped)), last)
    assert "continues after the last line" in await refused(
        elsewhere, observer, BytesIO(export + lines[1]), str(len(lines) + 1)
    )
    assert "another export begins" in await refused(elsewhere, observer, BytesIO(b"".join([*lines[:3], *lines])), "4")


async def test_a_file_that_is_not_an_export_is_refused(elsewhere: Database, observer: Any) -> None:
    for text in (
        b"\n",
        b"{}\n",
        b"[]\n",
        b"%PDF-1.7\n",
        b"\xff\xfe\n",
        b'{"line":"users"}\n',
        b"\0" * 99,
        b"[" * 99_999 + b"\n",
    ):
        await refused(elsewhere, observer, BytesIO(text), "1")


async def test_another_format_is_refused(elsewhere: Database, observer: Any, export: bytes) -> None:
    lines = lines_of(export)
    lines[0]["format"] = 2
    assert "has format 2; this release reads format 1" in await refused(elsewhere, observer, file_of(lines), "1")


def _of(table: str, **changes: Any) -> Callable[[Line], Line]:
    return lambda line: {**line, **changes} if line["line"] == table else line


SHORT_VECTOR = base64.b64encode(b"\0" * 100).decode()
NAN_VECTOR = base64.b64encode(b"\xff\x7f" * 256).decode()
# Invalid contents with a correct last line: the change, the kind of row, and the error.
FORGED: dict[str, tuple[Callable[[Line], Line], str, str]] = {
    "a field is missing": (lambda line: {k: v for k, v in line.items() if k != "filename"}, "documents", "filename"),
    "an unknown field": (_of("documents", colour="red"), "documents", "colour"),
    "a number for a text": (_of("documents", filename=5), "documents", "filename must be a string, not 5"),
    "no base64": (_of("document_contents", content="***"), "document_contents", "(?i)base64"),
    "no id": (_of("chunks", id="no-id"), "chunks", "UUID"),
    "a short vector": (_of("chunk_vectors", embedding=SHORT_VECTOR), "chunk_vectors", "50 dimensions, not 256"),
    "a vector of NaN": (_of("chunk_vectors", embedding=NAN_VECTOR), "chunk_vectors", "cannot be stored"),
    "an unknown table": (_of("chunks", line="plans"), "chunks", "plans"),
    "NUL in a text": (_of("messages", content="\x00"), "messages", "cannot be stored"),
    "half a character": (_of("chunks", metadata={"a": "\ud800"}), "chunks", "."),
    "too large a number": (
        _of("chunks", token_count=2**40),
        "chunks",
        "token_count must be an integer from -2147483648 to 2147483647",
    ),
    "null where none may be": (_of("messages", role=None), "messages", "role"),
    "what a rule forbids": (_of("documents", status="lost"), "documents", "documents_status_known"),
    "too many collections": (
        _of("conversations", collection_ids=[str(UUID(int=1))] * 101),
        "conversations",
        "conversations_collections_bounded",
    ),
    "a null among collections": (_of("conversations", collection_ids=[None]), "conversations", "collection"),
    "of no document": (lambda line: {**line, "document_id": line["id"]}, "chunks", "chunks_document_fkey"),
    "twice the same": (_of("conversations", id=str(UUID(int=1))), "conversations", "conversations_pkey"),
    "of another user": (_of("users", id=str(UUID(int=1))), "users", "the user is not"),
}


async def test_a_row_that_cannot_be_stored_is_refused(elsewhere: Database, observer: Any, export: bytes) -> None:
    lines = lines_of(export)
    for case, (change, table, complaint) in FORGED.items():
        numbers = [number for number, line in enumerate(lines, start=1) if line["line"] == table]
        changed = [change(line) if line["line"] == table else line for line in lines]
        where = "|".join(f"{first}( to {last})?" for first, last in itertools.product(numbers, numbers))
        detail = await refused(elsewhere, observer, forged_file(changed), f"({where})")
        assert re.search(complaint, detail), f"{case}: {detail}"


def forged_file(lines: list[Line]) -> BytesIO:
    """Like `file_of`, with half a character written in JSON's form."""
    try:
        return file_of(lines)
    except UnicodeEncodeError:
        return file_of(lines, ensure_ascii=True)
