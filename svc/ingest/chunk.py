"""A chunk of a document, the unit of embedding and search."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec

from svc.vectors.digests import text_digest
from svc.vectors.texts import indexed_text

ChunkTokens = Annotated[int, msgspec.Meta(ge=16, le=8191)]
OverlapTokens = Annotated[int, msgspec.Meta(ge=0, le=4095)]


class ChunkSizes(msgspec.Struct, frozen=True):
    """The maximum tokens of a chunk, and the maximum tokens that neighbours share, at most half as many."""

    chunk_tokens: ChunkTokens
    overlap_tokens: OverlapTokens


class TextChunk(msgspec.Struct, frozen=True):
    """A piece of a document, the unit of embedding and search.

    `content` is never blank. `token_count` is `tokens.count_tokens(content)`. `metadata` says where it is from:
    `heading` is the list of the headings above it, `start` and `end` are its place in the document's text, in
    characters. If `content` begins or ends with something that is repeated, such as the head of a table, `added` has
    the numbers of these characters. The other members are the place in the file, such as `page`.
    """

    content: str
    token_count: int
    metadata: dict[str, Any]

    @property
    def indexed(self) -> str:
        """The text for embedding and for keywords: the headings above the chunk, and its content."""
        return indexed_text(self.content, self.metadata)


def content_hash(indexed: str) -> UUID:
    """The first half of the SHA-256 of the text that is embedded, as a UUID, the narrowest 16-byte type in an index.

    Half is enough: hashes are compared only within a tenant. Among a million chunks the probability of a collision is
    10^-27. To construct one takes 2^64 attempts and harms only the tenant who does so.
    """
    return UUID(bytes=text_digest(indexed)[:16])
