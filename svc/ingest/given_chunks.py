"""Chunks from a client: the file in which they are stored, and the form in which the worker reads it.

The file has a line of JSON for each chunk. It is the content of the document like any other file, so quotas, digests,
transfers, exports and retries need no special handling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from svc.errors import DocumentRejectedError, InvalidRequestError
from svc.ingest.chunk import TextChunk, content_hash
from svc.ingest.tokens import WordCounter
from svc.vectors.formats import check_query_vector

MOST_CHARACTERS = 32_768
"""The maximum length of a chunk's text, the same as for a query."""

_BETWEEN = 2  # an empty line between two texts
# White space between two chunks is not stored: see `whole_text`.
_MOST_BETWEEN = 10_000


class KeptChunk(Struct, frozen=True, omit_defaults=True):
    """A line of the file."""

    content: str
    metadata: dict[str, Any] = {}
    embedding: list[float] | None = None


class ReadChunks(NamedTuple):
    """The chunks in a file. `vectors` has a row for each, which is filled for those at the indexes `given`."""

    chunks: list[TextChunk]
    vectors: NDArray[np.float16]
    given: frozenset[int]


class _Place(NamedTuple):
    start: int
    end: int


class Places:
    """Checks or computes the positions of chunks in the text of their document, chunk by chunk.

    The first chunk decides: if its metadata says where it is, that of all others must, as in the chunks of other
    documents; else the text consists of the chunks with an empty line between them.
    """

    def __init__(self) -> None:
        self._last: _Place | None = None
        self._is_given = False

    def checked(self, content: str, metadata: dict[str, Any], field: str) -> dict[str, Any]:
        """Return the metadata of the next chunk with its place.

        Raises:
            InvalidRequestError: the position contradicts the text or the preceding chunks.
        """
        given = _given_place(content, metadata, field)
        if self._last is None:
            self._is_given = given is not None
        elif self._is_given is not (given is not None):
            raise InvalidRequestError(
                f"{field} must contain start and end as that of the first chunk does, or neither does", field=field
            )
        place = given or self._next(content)
        if given is not None:
            self._check_order(given, field)
        self._last = place
        return {**metadata, "start": place.start, "end": place.end}

    def _next(self, content: str) -> _Place:
        start = 0 if self._last is None else self._last.end + _BETWEEN
        return _Place(start, start + len(content))

    def _check_order(self, place: _Place, field: str) -> None:
        first, end = (0, 0) if self._last is None else self._last
        if place.start < first or place.end < end:
            raise InvalidRequestError(f"{field}.start is before the chunk before; send chunks in order", field=field)
        if place.start > end + _MOST_BETWEEN:
            raise InvalidRequestError(
                f"{field}.start is more than {_MOST_BETWEEN:,} characters behind the chunk before", field=field
            )


def _given_place(content: str, metadata: dict[str, Any], field: str) -> _Place | None:
    """The position in the metadata, as described in `TextChunk`; None if there is none."""
    if not {"start", "end", "added"} & metadata.keys():
        return None
    start, end, added = metadata.get("start"), metadata.get("end"), metadata.get("added", [0, 0])
    if (
        type(start) is int
        and type(end) is int
        and isinstance(added, list)
        and len(added) == 2
        and all(type(number) is int and number >= 0 for number in added)
        and start >= 0
        and 0 <= end - start == len(content) - sum(added)
    ):
        return _Place(start, end)
    raise InvalidRequestError(
        f"{field}: start and end are the place of a chunk in the text of its document, so end - start must be the "
        "number of characters of content; give other numbers another name",
        field=field,
    )


def kept_file(chunks: Iterable[KeptChunk]) -> bytes:
    """Return the file of these chunks."""
    return b"".join(msgspec.json.encode(chunk) + b"\n" for chunk in chunks)


def read_chunks(file: bytes, dimensions: int, max_chunks: int) -> ReadChunks:
    """Read a file of chunks. Takes about 0.2 ms for a chunk with a vector.

    Raises:
        DocumentRejectedError: it is not such a file, has more than `max_chunks`, or its vectors are of another model.
    """
    lines = file.splitlines()
    if len(lines) > max_chunks:
        raise DocumentRejectedError(
            f"The document has {len(lines)} chunks, more than {max_chunks}, the limit (CABINET_MAX_CHUNKS)."
        )
    vectors = np.empty((len(lines), dimensions), dtype=np.float16)
    chunks, given = [], set()
    for index, (chunk, vector) in enumerate(_read(lines, dimensions)):
        chunks.append(chunk)
        if vector is not None:
            vectors[index] = vector
            given.add(index)
    if not chunks:
        raise DocumentRejectedError("The document contains no chunks.")
    return ReadChunks(chunks, vectors, frozenset(given))


def _read(lines: list[bytes], dimensions: int) -> Iterator[tuple[TextChunk, NDArray[np.float32] | None]]:
    decoder, counter, places = msgspec.json.Decoder(KeptChunk), WordCounter(), Places()
    for number, line in enumerate(lines):
        try:
            kept = decoder.decode(line)
            metadata = places.checked(kept.content, kept.metadata, "metadata")
            vector = None if kept.embedding is None else check_query_vector(kept.embedding, dimensions)
        except msgspec.DecodeError:
            raise DocumentRejectedError(f"Chunk {number} cannot be read.") from None
        except InvalidRequestError as error:
            raise DocumentRejectedError(f"Chunk {number} cannot be stored: {error.detail}.") from None
        if not kept.content.strip():
            raise DocumentRejectedError(f"Chunk {number} contains no text.")
        yield TextChunk(kept.content, counter.count(kept.content), metadata), vector


def given_hash(chunk: TextChunk, vector: NDArray[np.float16]) -> UUID:
    """The hash of a chunk with a vector from the client, which is not reused for equal texts, since the model may
    differ.

    Equal texts with equal vectors have the same hash.
    """
    return content_hash(f"{chunk.indexed}\0{vector.tobytes().hex()}")
