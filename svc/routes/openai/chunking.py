"""Chunking strategies in the OpenAI dialect.

Vector stores with equal sizes share the chunks of a file. `auto` keeps the existing chunks, unless another vector store
contains the file with a static strategy. A static strategy splits the file again if its chunks have other sizes; if
another vector store contains the file, it gets another reading.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from svc.errors import InvalidRequestError
from svc.ingest.chunk import ChunkSizes


class Static(Struct, frozen=True, forbid_unknown_fields=True):
    """The maximum tokens of a chunk, and the tokens that neighbouring chunks share, at most half as many."""

    max_chunk_size_tokens: Annotated[int, Meta(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Meta(ge=0, le=2048)]


class StaticChunking(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="static"):
    """Chunks of at most a number of tokens."""

    static: Static


class AutoChunking(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="auto"):
    """The existing chunks of the file, or else the sizes of the service."""


Chunking = StaticChunking | AutoChunking

_AUTO: Final = Static(800, 400)
"""The sizes that `auto` means in the OpenAI API. Clients compare them; the service has its own."""


class UsedChunking(Struct, frozen=True):
    """The requested strategy."""

    static: Static
    type: Literal["static"] = "static"


def shown_chunking(sizes: dict[str, Any] | None) -> UsedChunking:
    """Convert the sizes of a document's chunks to a strategy. None means the sizes of the service."""
    return UsedChunking(_AUTO if sizes is None else Static(sizes["chunk_tokens"], sizes["overlap_tokens"]))


def sizes_of(chunking: Chunking | None, field: str = "chunking_strategy") -> ChunkSizes | None:
    """Convert a strategy to the sizes of chunks; None means the existing chunks.

    Raises:
        InvalidRequestError: the overlap is more than half of a chunk.
    """
    if not isinstance(chunking, StaticChunking):
        return None
    size, overlap = chunking.static.max_chunk_size_tokens, chunking.static.chunk_overlap_tokens
    if overlap * 2 > size:
        raise InvalidRequestError(
            f"{field}.static.chunk_overlap_tokens must be at most half of max_chunk_size_tokens, which is {size}",
            field=f"{field}.static.chunk_overlap_tokens",
        )
    return ChunkSizes(size, overlap)
