"""The conversion of values for the database and back, in the binary format."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import numpy as np
from pgvector import HalfVector

from svc.database.statements import Statement

# The first byte of a binary jsonb value is the version of its format, 1 since PostgreSQL 9.4.
_JSONB_VERSION = b"\x01"


def connection_preparer(vector_schema: Statement) -> Callable[[Any], Awaitable[None]]:
    """Returns the function that sets the codecs of a new connection.

    jsonb becomes JSON values, halfvec arrays of numbers, bit strings and sparsevec bytes, all in the binary format.
    `vector_schema` is the statement that returns the schema of the extension, which the administrator chooses.
    """

    async def prepare_connection(connection: Any) -> None:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
        )
        for bits in ("bit", "varbit"):
            await connection.set_type_codec(
                bits, schema="pg_catalog", encoder=encode_bits, decoder=_decode_bits, format="binary"
            )
        schema = await connection.fetchval(vector_schema.text)
        if schema is not None:
            await connection.set_type_codec(
                "halfvec",
                schema=schema,
                encoder=encode_halfvec,
                decoder=HalfVector.from_binary,
                format="binary",
            )
            # The weights of terms are made in the server's format, and nothing reads them back.
            await connection.set_type_codec("sparsevec", schema=schema, encoder=bytes, decoder=bytes, format="binary")

    return prepare_connection


def _encode_jsonb(value: Any) -> bytes:
    return _JSONB_VERSION + msgspec.json.encode(value)


def _decode_jsonb(value: bytes) -> Any:
    return msgspec.json.decode(memoryview(value)[1:])


def encode_bits(value: bytes) -> bytes:
    """A bit string in the binary format."""
    # The binary format is the number of bits, then the bits.
    return (8 * len(value)).to_bytes(4, "big") + value


def _decode_bits(value: bytes) -> bytes:
    return bytes(value[4:])


def encode_halfvec(value: Any) -> bytes:
    """A halfvec in the binary format. For an array of half-precision numbers, only the byte order is changed."""
    if isinstance(value, np.ndarray) and value.dtype == np.float16 and value.ndim == 1:
        return len(value).to_bytes(2, "big") + b"\0\0" + value.astype(">f2").tobytes()
    return bytes((value if isinstance(value, HalfVector) else HalfVector(value)).to_binary())
