"""Chunking strategies in the OpenAI dialect.

The service splits all documents in one way, which its settings determine. A strategy is accepted if the chunks of the
service are within its maximum; the answer shows what the service does.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from svc.errors import InvalidRequestError
from svc.web.request import Call


class Static(Struct, frozen=True, forbid_unknown_fields=True):
    """The most tokens of a chunk, and the tokens that neighbouring chunks share, at most half as many."""

    max_chunk_size_tokens: Annotated[int, Meta(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Meta(ge=0, le=2048)]


class StaticChunking(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="static"):
    """Chunks of at most a number of tokens."""

    static: Static


class AutoChunking(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="auto"):
    """The chunks of the service."""


Chunking = StaticChunking | AutoChunking


class UsedChunking(Struct, frozen=True):
    """The strategy that the service uses."""

    static: Static
    type: Literal["static"] = "static"


def used_chunking(call: Call) -> UsedChunking:
    """Return the strategy that the service uses."""
    settings = call.services.settings
    return UsedChunking(Static(settings.chunk_tokens, settings.chunk_overlap_tokens))


def check_chunking(call: Call, chunking: Chunking | None, field: str = "chunking_strategy") -> None:
    """Check that the chunks of the service satisfy a strategy.

    Raises:
        InvalidRequestError: they can be larger, or the overlap is more than half of a chunk.
    """
    if not isinstance(chunking, StaticChunking):
        return
    size, overlap = chunking.static.max_chunk_size_tokens, chunking.static.chunk_overlap_tokens
    if overlap * 2 > size:
        raise InvalidRequestError(
            f"{field}.static.chunk_overlap_tokens must be at most half of max_chunk_size_tokens, which is {size}",
            field=f"{field}.static.chunk_overlap_tokens",
        )
    most = call.services.settings.chunk_tokens
    if size < most:
        raise InvalidRequestError(
            f"{field}.static.max_chunk_size_tokens must be at least {most}, the most tokens of a chunk of this service",
            field=f"{field}.static.max_chunk_size_tokens",
        )
