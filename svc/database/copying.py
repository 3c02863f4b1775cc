"""Rows of a COPY in the server's binary format, where asyncpg would encode them slowly.

asyncpg checks each element of an array for being an array itself, which takes longer than the rest of the Python code
for storing the terms of a text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from svc.database.codecs import encode_bits, encode_halfvec
from svc.database.statements import Statement

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_INT4_OID = 23
# Bytes that are sent in one piece.
_PIECE_BYTES = 2**18


class Int4Array(Sequence[int]):
    """An int4[] in the binary format, made from the numbers and their sizes by `int4_elements`."""

    __slots__ = ("binary",)

    def __init__(self, elements: bytes) -> None:
        count = len(elements) // 8
        head = struct.pack(">iiiii", 1, 0, _INT4_OID, count, 1) if count else struct.pack(">iii", 0, 0, _INT4_OID)
        self.binary = head + elements
        """The array in the server's format."""

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._numbers()[index]

    def __len__(self) -> int:
        return max(0, len(self.binary) - 20) // 8

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _numbers(self) -> list[int]:
        return [number for _, number in struct.iter_unpack(">ii", self.binary[20:])]


def int4_elements(numbers: NDArray[np.integer[Any]]) -> bytes:
    """Numbers as the elements of arrays, eight bytes each; a slice of them makes an `Int4Array`."""
    elements = np.empty((len(numbers), 2), dtype=">i4")
    elements[:, 0] = 4
    elements[:, 1] = numbers
    return elements.tobytes()


def _encode_int4_array(value: Sequence[int]) -> bytes:
    whole = value if isinstance(value, Int4Array) else Int4Array(int4_elements(np.array(value, dtype=np.int64)))
    return whole.binary


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "uuid": lambda value: value.bytes,
    "_int4": _encode_int4_array,
    "int4[]": _encode_int4_array,
    "sparsevec": bytes,
    "halfvec": encode_halfvec,
    "bit": encode_bits,
}


def is_encoded_here(statement: Statement) -> bool:
    """Whether `binary_rows` encodes the rows of a `:copy` statement: values made by the service itself."""
    return all(parameter.type in _ENCODERS for parameter in statement.parameters)


def binary_rows(statement: Statement, rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The data of a COPY with these rows, in pieces. None of the values is null."""
    encoders = [_ENCODERS[parameter.type] for parameter in statement.parameters]
    count, size_of = struct.pack(">h", len(encoders)), struct.Struct(">i").pack
    parts, size = [_SIGNATURE], 0
    for row in rows:
        parts.append(count)
        for encode, value in zip(encoders, row, strict=True):
            encoded = encode(value)
            parts += (size_of(len(encoded)), encoded)
            size += len(encoded)
        if size >= _PIECE_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    parts.append(_TRAILER)
    yield b"".join(parts)
