"""The chunks in an upload: `chunks` instead of `content`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from svc.errors import InvalidFieldsError, InvalidRequestError
from svc.field_faults import FieldFault
from svc.fields.long_lists import divide
from svc.fields.repeated_names import check_names
from svc.fields.validation import faults_of_json
from svc.fields.values import Metadata, check_metadata, check_text
from svc.ingest.given_chunks import MOST_CHARACTERS, KeptChunk, Places, kept_file
from svc.vectors.formats import check_query_vector

FIELD = "chunks"


class GivenChunk(Struct, frozen=True, forbid_unknown_fields=True):
    """A chunk that the client sent: its text, its metadata, and its vector.

    `metadata` may contain `heading`, a list of the headings above the text, and `page`, as in other chunks.
    Without an `embedding`, the worker embeds the headings and the text; an `embedding` must be of the same model.
    """

    content: Annotated[str, Meta(min_length=1, max_length=MOST_CHARACTERS)]
    metadata: Metadata = msgspec.field(default_factory=dict)
    embedding: Annotated[list[float], Meta(min_length=1, max_length=3584)] | None = None


class ChunkLimits(Struct, frozen=True):
    """The number of components of a vector, and the maximum number of chunks in a document."""

    dimensions: int
    max_chunks: int


def chunk_file(chunks: list[GivenChunk], limits: ChunkLimits) -> bytes:
    """Check chunks, and return the file in which they are kept.

    Raises:
        InvalidRequestError: there are no chunks or too many, one cannot be stored, or its vector does not fit the
        model.
    """
    _check_count(len(chunks), limits)
    return kept_file(_checked(iter(chunks), limits))


async def long_chunk_file(body: bytearray, limits: ChunkLimits) -> tuple[bytes, bytes]:
    """Check the chunks in a long body; returns the rest of the body, and the file of the chunks.

    Runs in a thread, which decodes one chunk at a time, so that other requests make progress.

    Raises:
        MalformedRequestError, TooLargeError: as `divide`.
        InvalidRequestError, InvalidFieldsError: as `chunk_file`, or a chunk is malformed.
    """
    return await asyncio.to_thread(_divided, body, limits)


def _divided(body: bytearray, limits: ChunkLimits) -> tuple[bytes, bytes]:
    rest, items = divide(body, FIELD, limits.max_chunks)
    _check_count(len(items), limits)
    return rest, kept_file(_checked(_decoded(body, items), limits))


def _decoded(body: bytearray, items: list[tuple[int, int]]) -> Iterator[GivenChunk]:
    decoder = msgspec.json.Decoder(GivenChunk)
    for index, (start, end) in enumerate(items):
        item = body[start:end]
        try:
            chunk = decoder.decode(item)
        except msgspec.ValidationError as error:
            raise InvalidFieldsError(
                [_of_chunk(index, fault) for fault in faults_of_json(item, GivenChunk, error)]
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidRequestError(f"{FIELD}[{index}] cannot be read as JSON", field=f"{FIELD}[{index}]") from None
        check_names(item, f"{FIELD}[{index}]")
        yield chunk


def _of_chunk(index: int, fault: FieldFault) -> FieldFault:
    field = f"{FIELD}[{index}].{fault.field}"
    return FieldFault(field, fault.detail.replace(fault.field, field, 1))


def _checked(chunks: Iterator[GivenChunk], limits: ChunkLimits) -> Iterator[KeptChunk]:
    places = Places()
    for index, chunk in enumerate(chunks):
        field = f"{FIELD}[{index}]"
        check_text(chunk.content, f"{field}.content")
        if not chunk.content.strip():
            raise InvalidRequestError(f"{field}.content contains only white space; omit it", field=f"{field}.content")
        check_metadata(chunk.metadata, f"{field}.metadata")
        places.checked(chunk.content, chunk.metadata, f"{field}.metadata")
        if chunk.embedding is not None:
            check_query_vector(chunk.embedding, limits.dimensions, f"{field}.embedding")
        yield KeptChunk(chunk.content, chunk.metadata, chunk.embedding)


def _check_count(count: int, limits: ChunkLimits) -> None:
    if not count:
        raise InvalidRequestError(f"{FIELD} is empty; send at least one chunk", field=FIELD)
    if count > limits.max_chunks:
        raise InvalidRequestError(
            f"{FIELD} has {count:,} items; the maximum for one document is {limits.max_chunks:,}", field=FIELD
        )
