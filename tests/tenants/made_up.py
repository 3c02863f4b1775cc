"""Generates a tenant of any size, bypassing the ingestion: documents with bytes, chunks, vectors, conversations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from pgvector import HalfVector

from svc.database import rows as r
from svc.database.queries import Database
from svc.terms.texts import StoredTerms
from svc.vectors.signatures import signatures
from svc.vectors.texts import worded_message
from tests.database.conftest import make_user

DIMENSIONS = 256
_TERMS = StoredTerms("english")
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# With characters beyond ASCII, so that any changed byte is detected.
_SENTENCE = 'Number {number}: die Öffnung der Kuppel dauert 2 µs – quote " and backslash \\, tab \t, 🦊.\n'


async def make_large_user(
    database: Database, *, documents: int, chunks_each: int, conversations: int, messages_each: int, seed: int = 7
) -> UUID:
    """Store a user with these numbers of documents and chunks, and of conversations and messages."""
    user_id = await make_user(database, f"large{seed}@example.org")
    random = np.random.default_rng(seed)
    for first in range(0, documents, 50):
        await _store_documents(database, user_id, range(first, min(first + 50, documents)), chunks_each, random)
    for first in range(0, conversations, 50):
        numbers = range(first, min(first + 50, conversations))
        await _store_conversations(database, user_id, numbers, messages_each, random)
    await database.exec("import/count", user_id=user_id)
    return user_id


async def _store_documents(
    database: Database, user_id: UUID, numbers: range, chunks_each: int, random: np.random.Generator
) -> None:
    content = ("".join(_SENTENCE.format(number=chunk) for chunk in range(chunks_each)) * 4).encode()
    size = len(content)
    await database.copy("import/documents", [_document(user_id, n, size, chunks_each) for n in numbers])
    in_parts = {n for n in numbers if n % 5 == 0}
    await database.copy(
        "import/document_contents",
        [r.ImportDocumentContents(user_id, id_of(1, n), b"" if n in in_parts else content, None) for n in numbers],
    )
    await database.copy(
        "import/file_parts",
        [
            r.ImportFileParts(user_id, id_of(1, n), first, content[first : first + 1000])
            for n in sorted(in_parts)
            for first in range(0, size, 1000)
        ],
    )
    chunks = [
        chunk
        for number in numbers
        for chunk in _chunks(user_id, number, [id_of(2, number, index) for index in range(chunks_each)])
    ]
    await database.copy("import/chunks", chunks)
    terms = await _TERMS.of([chunk.content for chunk in chunks], user_id)
    await database.copy(
        "ingest/write_terms",
        [
            r.IngestWriteTerms(user_id, chunk.id, chunk.document_id, found.keys, found.weights)
            for chunk, found in zip(chunks, terms, strict=True)
            if found is not None
        ],
    )
    vectors, marks = _vectors(len(chunks), random)
    await database.copy(
        "ingest/write_vectors",
        [
            r.IngestWriteVectors(
                user_id=user_id, chunk_id=chunk.id, document_id=chunk.document_id, embedding=vector, signature=mark
            )
            for chunk, vector, mark in zip(chunks, vectors, marks, strict=True)
        ],
    )


def _document(user_id: UUID, number: int, size: int, chunk_count: int) -> r.ImportDocuments:
    moment = _BEGIN + timedelta(seconds=number, microseconds=number)
    return r.ImportDocuments(
        user_id=user_id, id=id_of(1, number), filename=f"made-up-{number}.txt", file_type="text", file_size=size,
        purpose="assistants", status="ready", error=None, attempt=1, lease_expires_at=None, progress=1.0,
        chunk_count=chunk_count, chunk_sizes={"chunk_tokens": 64, "overlap_tokens": 8},
        warnings=[f"Page {number} was not read."],
        metadata={"number": number, "tags": ["a", None, 0.1]},
        content_hash=UUID(int=number), has_new_content=False, replaces=None,
        expires_at=None, created_at=moment, updated_at=moment,
    )  # fmt: skip


def _chunks(user_id: UUID, number: int, ids: list[UUID]) -> Iterator[r.ImportChunks]:
    for index, chunk_id in enumerate(ids):
        content = _SENTENCE.format(number=f"{number}/{index}") * 4
        yield r.ImportChunks(
            user_id=user_id, id=chunk_id, document_id=id_of(1, number), chunk_index=index, content=content,
            content_hash=UUID(int=index), token_count=128, metadata={"page": index}, created_at=_BEGIN,
        )  # fmt: skip


async def _store_conversations(
    database: Database, user_id: UUID, numbers: range, messages_each: int, random: np.random.Generator
) -> None:
    rows = [
        r.ImportConversations(
            user_id=user_id, id=id_of(3, n), title=f"About {n}", metadata={"n": n}, message_count=messages_each,
            deleted_message_count=0, expires_at=None, created_at=_BEGIN, updated_at=_BEGIN,
        )
        for n in numbers
    ]  # fmt: skip
    await database.copy("import/conversations", rows)
    for number in numbers:
        places = range(1, messages_each + 1)
        moments = [_BEGIN + timedelta(seconds=position) for position in places]
        await database.copy(
            "import/messages",
            [
                r.ImportMessages(
                    user_id=user_id, conversation_id=id_of(3, number), position=p, id=id_of(4, number, p), role="user",
                    content=_SENTENCE.format(number=p), parts=[{"type": "text", "text": "ü"}] if p % 3 == 0 else None,
                    tool_calls=[{"id": "c", "arguments": 0.1}] if p % 3 == 1 else None, tool_call_id="c", name="Ada",
                    metadata={"tags": [None, 0.1]}, sources=[], token_count=32, created_at=moment, edited_at=moment,
                    item={"type": "message", "id": f"msg_{p}"} if p % 3 == 2 else None,
                )
                for p, moment in zip(places, moments, strict=True)
            ],
        )  # fmt: skip
        words = [
            worded_message(_SENTENCE.format(number=p), "Ada", moment, {})
            for p, moment in zip(places, moments, strict=True)
        ]
        terms = await _TERMS.of(words, user_id)
        await database.copy(
            "message_jobs/write_terms",
            [
                r.MessageJobsWriteTerms(user_id, id_of(3, number), p, "user", moment, found.keys, found.weights)
                for p, moment, found in zip(places, moments, terms, strict=True)
                if found is not None
            ],
        )
        vectors, marks = _vectors(messages_each, random)
        await database.copy(
            "message_jobs/write_vectors",
            [
                r.MessageJobsWriteVectors(
                    user_id=user_id, conversation_id=id_of(3, number), position=p, piece=0, role="user",
                    created_at=moment, embedding=vector, signature=mark,
                )
                for p, moment, vector, mark in zip(places, moments, vectors, marks, strict=True)
            ],
        )  # fmt: skip


def _vectors(count: int, random: np.random.Generator) -> tuple[list[HalfVector], list[bytes]]:
    vectors = random.standard_normal((count, DIMENSIONS)).astype(np.float16)
    return [HalfVector(vector) for vector in vectors], list(signatures(vectors))


def id_of(kind: int, *numbers: int) -> UUID:
    """An id that sorts like the numbers."""
    high, low = (*numbers, 0)[:2]
    # The version is between the bits of the number.
    return UUID(int=(kind << 112) | (high >> 12 << 80) | (0x7 << 76) | ((high & 0xFFF) << 64) | low)
