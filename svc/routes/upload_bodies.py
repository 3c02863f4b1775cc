"""Reading an upload: JSON with the text or with chunks, or multipart/form-data with a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, structs
from starlette.datastructures import FormData
from starlette.requests import Request

from svc.errors import InvalidFieldsError, InvalidRequestError, MalformedRequestError, UnsupportedMediaTypeError
from svc.field_faults import FieldFault
from svc.fields.filenames import decoded_words, inner_path
from svc.fields.json_faults import json_fault
from svc.fields.long_lists import begins_list
from svc.fields.long_text import LONG_BYTES, LongTextReader
from svc.fields.repeated_names import repeated_fault, repeated_name
from svc.fields.validation import WHOLE, Faults, fault_without_value, faults_of, shown_field
from svc.fields.values import Filename, check_text
from svc.ingest.file_bytes import FileBytes
from svc.ingest.formats import CHUNKS, FileType
from svc.routes.chunk_bodies import FIELD as CHUNKS_FIELD
from svc.routes.chunk_bodies import ChunkLimits, GivenChunk, chunk_file, long_chunk_file
from svc.routes.form_bodies import (
    OVERHEAD_BYTES,
    bytes_of,
    charset_of,
    document_too_large,
    file_of,
    open_form,
    repeated_part,
    texts_of,
)
from svc.routes.new_documents import GivenFields
from svc.web.request import declared_length, decode_json, media_type

# JSON can write one byte of text as six (\\uXXXX).
_JSON_OVERHEAD = 6

OnConflict = Literal["new", "replace", "skip"]
"""How to handle an upload if a document with the same name exists."""


class UploadDocument(GivenFields, frozen=True, forbid_unknown_fields=True):
    """A document sent as JSON, including its text.

    `on_conflict` applies if documents with this name exist: `new` keeps them, `replace` deletes them when this one is
    ready, and `skip` answers with the one that has the same content, if there is one. The document is deleted at
    `expires_at`.
    """

    filename: Filename
    content: Annotated[str, Meta(min_length=1)]
    on_conflict: OnConflict = "new"


class UploadChunks(GivenFields, frozen=True, forbid_unknown_fields=True):
    """A document sent as chunks that the client has made.

    They are stored as they are sent, in this order. Chunks without an `embedding` are embedded. The
    other fields are those of a document that is sent with its text.
    """

    filename: Filename
    chunks: list[GivenChunk]
    on_conflict: OnConflict = "new"


class Upload(Struct, frozen=True):
    """A received document: name, bytes, effect on documents with the same name, and the other fields.

    `file_type` is set if the bytes are a file of chunks from the client; otherwise it is detected from the bytes.
    `charset` is the declared encoding of the bytes.
    """

    filename: str
    content: FileBytes
    on_conflict: OnConflict
    given: GivenFields
    file_type: FileType | None = None
    charset: str | None = None

    async def parts(self) -> list[bytes]:
        """Return the whole upload as bytes, for its digest; a file in parts is represented by its digest."""
        fields = structs.asdict(self.given)
        return [
            self.filename.encode(),
            msgspec.json.encode(fields.pop("metadata"), order="sorted"),
            await self.content.digest() if self.content.is_in_parts else await self.content.whole(),
            msgspec.json.encode([self.on_conflict, *fields.values()]),
            *([self.file_type.encode()] if self.file_type else []),
            *([self.charset.encode()] if self.charset else []),
        ]

    def check(self) -> None:
        """Check the constraints that the types of the fields do not express.

        Raises:
            InvalidRequestError, InvalidFieldsError: a field is too large, or PostgreSQL cannot store it.
        """
        faults = Faults()
        faults.check(check_text, self.filename, "filename")
        self.given.check_given(faults)
        faults.check(_check_not_empty, self.content, "content")
        faults.raise_if_any()


@asynccontextmanager
async def received_upload(request: Request, limit_bytes: int, chunk_limits: ChunkLimits) -> AsyncIterator[Upload]:
    """Read the upload in the body of a request. Its bytes can be read within the block.

    Raises:
        UnsupportedMediaTypeError: the body is neither JSON nor multipart/form-data.
        TooLargeError: the document is larger than `limit_bytes`.
        MalformedRequestError, InvalidRequestError: the body cannot be read, or a field is wrong.
    """
    async with _received(request, limit_bytes, chunk_limits) as upload:
        if upload.content.size > limit_bytes:
            raise document_too_large(limit_bytes)
        upload.check()
        yield upload


def _check_not_empty(content: FileBytes, field: str) -> None:
    if not content.size:
        raise InvalidRequestError(f"{field} is empty; send a document with text in it", field=field)


@asynccontextmanager
async def _received(request: Request, limit_bytes: int, chunk_limits: ChunkLimits) -> AsyncIterator[Upload]:
    kind = media_type(request)
    if kind == "application/json":
        yield await _read_json(request, limit_bytes, chunk_limits)
    elif kind == "multipart/form-data":
        async with open_form(request, limit_bytes) as form:
            yield _upload_of(form)
    else:
        raise UnsupportedMediaTypeError(
            "send application/json with the text, or multipart/form-data with a file", field="Content-Type"
        )


async def _read_json(request: Request, limit_bytes: int, chunk_limits: ChunkLimits) -> Upload:
    reader = LongTextReader()
    parts = _parts(request, limit_bytes, limit_bytes * _JSON_OVERHEAD + OVERHEAD_BYTES)
    is_first = True
    async for part in parts:
        if is_first and len(part) < LONG_BYTES:
            reader.rest += part  # the whole body, in which no string is long
            continue
        if is_first and await asyncio.to_thread(begins_list, part, CHUNKS_FIELD):
            return await _read_chunks(part, parts, limit_bytes, chunk_limits)
        is_first = False
        await asyncio.to_thread(reader.feed, part)
        if reader.text_bytes > limit_bytes:
            raise document_too_large(limit_bytes)
    reader.finish()
    if is_first and begins_list(reader.rest, CHUNKS_FIELD):
        given = await decode_json(reader.rest, UploadChunks)
        return _upload(given, chunk_file(given.chunks, chunk_limits), CHUNKS)
    try:
        body = await decode_json(reader.rest, UploadDocument)
    except MalformedRequestError as error:
        if not reader.has_text or error.field is not None:
            raise
        # The decoder's position is one in the rest, not in the body.
        raise MalformedRequestError("the body cannot be read as JSON: it is wrong outside of its long text") from None
    if reader.has_text and body.content != reader.placeholder:
        raise InvalidRequestError(f"only content may be longer than {LONG_BYTES:,} bytes", field=WHOLE)
    content = await asyncio.to_thread(lambda: reader.text) if reader.has_text else body.content.encode()
    return _upload(body, content)


async def _read_chunks(
    first: bytearray, parts: AsyncIterator[bytearray], limit_bytes: int, limits: ChunkLimits
) -> Upload:
    """Read a long body with chunks, of which `first` is the beginning."""
    received = first
    async for part in parts:
        received += part
        if len(received) > limit_bytes + OVERHEAD_BYTES:
            raise document_too_large(limit_bytes)
    rest, file = await long_chunk_file(received, limits)
    body = await decode_json(rest, UploadChunks)
    if body.chunks:
        raise InvalidRequestError(f"{CHUNKS_FIELD} is given twice", field=CHUNKS_FIELD)
    return _upload(body, file, CHUNKS)


def _upload(body: UploadDocument | UploadChunks, content: bytes, file_type: FileType | None = None) -> Upload:
    return Upload(inner_path(body.filename), FileBytes.of(content), body.on_conflict, _given(body), file_type)


def _given(body: GivenFields) -> GivenFields:
    """A copy of these fields, which does not keep the text of the body in memory."""
    return GivenFields(**{name: getattr(body, name) for name in GivenFields.__struct_fields__})


async def _parts(request: Request, limit_bytes: int, body_bytes: int) -> AsyncIterator[bytearray]:
    """Yield the body in parts that are large enough for a thread each.

    Raises:
        TooLargeError: the body has more than `body_bytes`, so the document has more than `limit_bytes`.
    """
    if declared_length(request) > body_bytes:
        raise document_too_large(limit_bytes)
    received, waiting = 0, bytearray()
    async for part in request.stream():
        received += len(part)
        if received > body_bytes:
            raise document_too_large(limit_bytes)
        waiting += part
        if len(waiting) >= LONG_BYTES:
            yield waiting
            waiting = bytearray()
    yield waiting


def _upload_of(form: FormData) -> Upload:
    file = file_of(form, "file")
    texts = texts_of(form, file)
    known = ("file", *_Fields.__struct_fields__)
    faults = [_unknown_part(name, known) for name in texts if name not in known]
    faults += [repeated_part(name) for name in known if len(form.getlist(name)) > 1]
    fields: dict[str, Any] = {"filename": texts.get("filename") or decoded_words(texts.get("file") or "")}
    fields |= {name: texts[name] for name in known if name in texts and name not in ("file", *fields, "metadata")}
    metadata, fault = _metadata(texts.get("metadata"))
    faults += [fault] if fault is not None else []
    try:
        named = msgspec.convert({**fields, "metadata": metadata}, _Fields)
    except msgspec.ValidationError as error:
        found = faults_of({**fields, "metadata": metadata}, _Fields)
        raise InvalidFieldsError([*(found or [fault_without_value(error, _Fields)]), *faults]) from None
    if faults:
        raise InvalidFieldsError(faults)
    filename = inner_path(named.filename)
    content = bytes_of(file)
    return Upload(filename, content, named.on_conflict, _given(named), charset=charset_of(file))


def _unknown_part(name: str, known: tuple[str, ...]) -> FieldFault:
    field = shown_field(name)
    return FieldFault(field, f"there is no field {field}; the parts of an upload are {', '.join(known)}")


class _Fields(GivenFields, frozen=True):
    filename: Filename
    on_conflict: OnConflict = "new"


def _metadata(text: str | None) -> tuple[Any, FieldFault | None]:
    """Return the metadata in a part, or an empty object and the reason why the part cannot be read."""
    if text is None:
        return {}, None
    try:
        metadata = msgspec.json.decode(text)
        name = repeated_name(text.encode())
    except (msgspec.DecodeError, RecursionError) as error:
        reason = json_fault(error, text.encode())
        return {}, FieldFault("metadata", f"metadata cannot be read as JSON: {reason}")
    return metadata, repeated_fault(f"metadata.{name}") if name is not None else None
