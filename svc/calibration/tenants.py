"""Synthetic tenants, stored as a worker stores documents: with COPY into tables with their indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc.access.keys import generate_key
from svc.database.queries import Database
from svc.database.rows import IngestWriteChunks, IngestWriteTerms, IngestWriteVectors
from svc.ingest.chunk import content_hash
from svc.terms.texts import StoredTerms
from svc.vectors.signatures import signatures

CHUNKS_A_DOCUMENT = 20
_DOCUMENTS_AT_ONCE = 50


@dataclass(frozen=True)
class MadeUpTenant:
    """A tenant, their key, and their number of vectors."""

    user_id: UUID
    key: str
    size: int


async def create_tenant(
    database: Database,
    name: str,
    size: int,
    vectors: Callable[[int], NDArray[np.float32]],
    advance: Callable[[int], None] = lambda _: None,
) -> MadeUpTenant:
    """Store a tenant of `size` vectors, with twenty chunks in each document.

    `vectors(count)` returns the next vectors, shape (count, dimensions); `advance(count)` is called after each store.
    """
    key = generate_key()
    user = await database.one(
        "users/create", email=f"{name}@example.com", name=name, plan="enterprise", preferences={}, external_id=None,
        key_prefix=key.prefix, key_hash=key.key_hash,
    )  # fmt: skip
    assert user is not None
    for count in _pieces(size):
        await _store(database, user.id, vectors(count))
        advance(count)
    return MadeUpTenant(user.id, key.key, size)


def _pieces(size: int) -> Iterable[int]:
    """The size in pieces of whole documents; the last document may be shorter."""
    most = CHUNKS_A_DOCUMENT * _DOCUMENTS_AT_ONCE
    whole = size // CHUNKS_A_DOCUMENT * CHUNKS_A_DOCUMENT
    for first in range(0, whole, most):
        yield min(most, whole - first)
    if size > whole:
        yield size - whole


async def _store(database: Database, user_id: UUID, vectors: NDArray[np.float32]) -> None:
    count = len(vectors)
    a_document = min(CHUNKS_A_DOCUMENT, count)
    halves, marks = vectors.astype(np.float16), signatures(vectors)
    async with database.transaction() as transaction:
        documents = [
            row.id
            for row in await transaction.many(
                "calibration/create_documents", user_id=user_id, document_count=count // a_document,
                chunk_count=a_document,
            )
        ]  # fmt: skip
        ids = [row.id for row in await transaction.many("ingest/chunk_ids", chunk_count=count)]
        owners = [documents[i // a_document] for i in range(count)]
        texts = [f"The text of the made-up chunk {chunk_id}. " * 16 for chunk_id in ids]
        await transaction.copy(
            "ingest/write_chunks",
            [
                IngestWriteChunks(
                    user_id=user_id, id=ids[i], document_id=owners[i], chunk_index=i % a_document, content=texts[i],
                    token_count=200, metadata={}, content_hash=content_hash(texts[i]),
                )
                for i in range(count)
            ],
        )  # fmt: skip
        await transaction.copy(
            "ingest/write_vectors",
            [
                IngestWriteVectors(
                    user_id=user_id, chunk_id=ids[i], document_id=owners[i], embedding=halves[i], signature=marks[i]
                )
                for i in range(count)
            ],
        )
        # The terms come from the words that all of these texts share, so that the tenant is complete.
        (terms,) = await StoredTerms().of(["The text of the made-up chunk"], user_id)
        assert terms is not None
        await transaction.copy(
            "ingest/write_terms",
            [IngestWriteTerms(user_id, ids[i], owners[i], terms.keys, terms.weights) for i in range(count)],
        )
        await transaction.exec("ingest/finish", user_id=user_id, chunk_count=count, token_count=0, earlier_chunks=0)
        # The documents were not uploaded, which would have counted them.
        await transaction.one("usage/recount", user_id=user_id)
