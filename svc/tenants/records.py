"""The format of an export's lines, derived from the headers of `sql/export/`.

An export is NDJSON. The first line describes the export. The last line contains the number of rows of each table and
the SHA-256 of all preceding bytes. Each line between is one row, with its table under `line`. Bytes, vectors (half
precision, little-endian) and signatures are in base64, so that they are restored bit-identically.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Union
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Meta, Struct
from pgvector import HalfVector

from svc.access.references import EXTERNAL_ID_PATTERN, MAX_EXTERNAL_ID
from svc.database.statements import Statement
from svc.ingest.chunk import ChunkSizes
from svc.ingest.formats import StoredType
from svc.ingest.unread import MOST_WARNINGS, WARNING_MOST_CHARACTERS

FORMAT = 1
"""Increased when an older Cabinet can no longer read the exports of a newer one."""

FENCE = "document_attempt"
"""A column that the statements return in addition to those of the table, and that is not exported."""

_LINE = "line"
_FOLDER = "export/"
_VALUES: dict[str, Any] = {
    "uuid": UUID,
    "text": str,
    "text[]": list[str],
    # The server's range: beyond it, asyncpg would abort the COPY with its own error.
    "int4": Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    "int8": Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)],
    "float4": Annotated[float, Meta(ge=-3.4e38, le=3.4e38)],
    "bool": bool,
    "jsonb": Any,
    "timestamptz": Annotated[datetime, Meta(tz=True)],
    "date": date,
    "bytea": bytes,
    "halfvec": bytes,
    "bit": bytes,
}
# Control characters in a warning are escaped, which makes it longer.
_Warning = Annotated[str, Meta(max_length=10 * WARNING_MOST_CHARACTERS)]
# Columns whose values are narrower than their type; those of a newer release have a default.
_NARROWER: dict[tuple[str, str], tuple[str, Any] | tuple[str, Any, Any]] = {
    ("documents", "file_type"): ("file_type", StoredType),
    ("documents", "purpose"): ("purpose", Annotated[str, Meta(min_length=1, max_length=64)] | None, None),
    ("documents", "warnings"): (
        "warnings", Annotated[list[_Warning], Meta(max_length=MOST_WARNINGS)], msgspec.field(default_factory=list)
    ),
    ("documents", "chunk_sizes"): ("chunk_sizes", ChunkSizes | None, None),
    ("documents", "has_new_content"): ("has_new_content", bool, False),
    ("documents", "file_id"): ("file_id", UUID | None, None),
    ("conversations", "collection_ids"): ("collection_ids", list[UUID] | None, None),
    ("api_keys", "scopes"): ("scopes", list[str], msgspec.field(default_factory=list)),
    ("users", "external_id"): (
        "external_id", Annotated[str, Meta(max_length=MAX_EXTERNAL_ID, pattern=EXTERNAL_ID_PATTERN)] | None, None
    ),
}  # fmt: skip


class Header(Struct, frozen=True, tag_field=_LINE, tag="export", forbid_unknown_fields=True):
    """The first line: the user and the origin of the export. `migration` is the newest one of the exporting Cabinet."""

    format: int
    user_id: UUID
    exported_at: Annotated[datetime, Meta(tz=True)]
    cabinet: str
    migration: str
    embedding_model: str
    embedding_dimensions: int


class End(Struct, frozen=True, tag_field=_LINE, tag="end", forbid_unknown_fields=True):
    """The last line: the number of rows by table, and the SHA-256 of all preceding lines, in hex."""

    rows: dict[str, int]
    sha256: str


def exported_tables(statements: Mapping[str, Statement]) -> dict[str, Statement]:
    """The tables of an export, each with the statement that reads it."""
    listed = {name.removeprefix(_FOLDER): each for name, each in statements.items() if name.startswith(_FOLDER)}
    return {"users": statements["users/get"], **listed}


def line_decoder(statements: Mapping[str, Statement]) -> msgspec.json.Decoder[Any]:
    """Returns the decoder of lines: a `Header`, an `End`, or a row, whose class has the name of its table."""
    rows = [_row_type(table, statement) for table, statement in exported_tables(statements).items()]
    return msgspec.json.Decoder(Union[(Header, End, *rows)])


def _row_type(table: str, statement: Statement) -> type[Struct]:
    fields = [
        _NARROWER.get((table, column.name)) or (column.name, _VALUES[column.type] | None)
        for column in statement.columns
        if column.name != FENCE
    ]
    return msgspec.defstruct(
        table, fields, tag_field=_LINE, tag=table, frozen=True, forbid_unknown_fields=True, kw_only=True
    )


def encode_rows(table: str, rows: list[dict[str, Any]]) -> bytes:
    """Returns one line for each row of a table."""
    return b"".join(_ENCODER.encode({_LINE: table, **row}) + b"\n" for row in rows)


def encode_line(line: Header | End) -> bytes:
    """Returns the first or the last line."""
    return _ENCODER.encode(line) + b"\n"


def vector_bytes(vector: HalfVector) -> bytes:
    """A vector in half precision, little-endian."""
    return vector.to_numpy().astype("<f2").tobytes()


def read_vector(value: bytes) -> HalfVector:
    """The inverse of `vector_bytes`."""
    return HalfVector(np.frombuffer(value, dtype="<f2"))


def _encode_vector(value: Any) -> bytes:
    if isinstance(value, HalfVector):
        return vector_bytes(value)
    raise NotImplementedError(f"an export cannot contain a {type(value).__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_encode_vector)
