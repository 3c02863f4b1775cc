"""Reading a form with one file: multipart/form-data, bounded in bytes and in parts, with every text in UTF-8."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from msgspec import Struct
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from svc.errors import (
    InvalidFieldsError,
    InvalidRequestError,
    MalformedRequestError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from svc.field_faults import FieldFault, MissingField
from svc.fields.charsets import text_codec
from svc.fields.filenames import with_plain_filename
from svc.fields.validation import shown_field
from svc.ingest.file_bytes import FileBytes
from svc.web.request import declared_length
from svc.web.spooling import spooling

# Room for everything besides the document: the other fields and, in multipart, boundaries and part headers.
OVERHEAD_BYTES = 64 * 1024
MAX_FIELDS = 8
_MOST_CONTENT_TYPE = 1_000

_UNENDED = "the multipart body ends before its last boundary, so that parts may be missing; send all of it"
_ENCODINGS = (b"content-transfer-encoding", b"content-encoding")
_NO_ENCODING = (b"", b"binary", b"8bit", b"7bit", b"identity")
_ENCODED = "Encoded part"

# Keyed by the beginning of Starlette's message. All errors of python-multipart arrive as one: invalid data.
_MULTIPART_FAULTS = {
    "Missing boundary": "the Content-Type header has no boundary; let your HTTP client write this header",
    "Too many files": "the multipart body has more than one file; send one file in each request",
    "Too many fields": f"the multipart body has more than {MAX_FIELDS} parts besides the file; omit the others",
    "Field exceeded": f"a part other than the file is over {OVERHEAD_BYTES} bytes; shorten it",
    _ENCODED: "a part is encoded (Content-Transfer-Encoding or Content-Encoding); send its bytes as they are",
    "Part exceeded": f"a part other than the file is over {OVERHEAD_BYTES} bytes; shorten it",
    "The Content-Disposition": 'a part has no name; each part needs a header Content-Disposition: form-data; name="…"',
}
_BROKEN_MULTIPART = "the multipart body cannot be read: it is truncated, or its parts are not separated by the boundary"


class FormFile(Struct, frozen=True):
    """A file in a form, its name as it was sent, its declared encoding, and the text of each other part by name."""

    filename: str
    content: FileBytes
    charset: str | None
    texts: dict[str, str]


@asynccontextmanager
async def received_form(request: Request, name: str, limit_bytes: int) -> AsyncIterator[FormFile]:
    """Read a form whose part `name` is a file. Its bytes can be read within the block.

    Raises:
        TooLargeError: the file is larger than `limit_bytes`.
        MalformedRequestError, InvalidFieldsError: the body cannot be read, a part is repeated, or there is no file.
    """
    async with open_form(request, limit_bytes) as form:
        file = file_of(form, name)
        texts = texts_of(form, file)
        if faults := [repeated_part(shown_field(part)) for part in (name, *texts) if len(form.getlist(part)) > 1]:
            raise InvalidFieldsError(faults)
        content = bytes_of(file)
        if content.size > limit_bytes:
            raise document_too_large(limit_bytes)
        yield FormFile(texts.pop("file", ""), content, charset_of(file), texts)


@asynccontextmanager
async def open_form(request: Request, limit_bytes: int) -> AsyncIterator[FormData]:
    if declared_length(request) > limit_bytes + OVERHEAD_BYTES:
        raise document_too_large(limit_bytes)
    with spooling(request):
        bounded = Request(_without_charset(request), _bounded(request, limit_bytes))
        try:
            async with aclosing(bounded.stream()) as stream:
                parser = _Parser(
                    bounded.headers, stream, max_files=1, max_fields=MAX_FIELDS, max_part_size=OVERHEAD_BYTES
                )
                form = await parser.parse()
            if not parser.has_ended:
                await form.close()
                raise MalformedRequestError(_UNENDED)
        except MultiPartException as error:
            raise MalformedRequestError(_multipart_fault(error.message)) from None
        try:
            yield form
        finally:
            await form.close()


class _Parser(MultiPartParser):
    """Starlette's parser. A part without `filename` is not a file, even if it has a `filename*`.

    Starlette drops a part whose end is missing.
    """

    has_ended = False
    """Whether the last boundary has arrived."""

    def on_end(self) -> None:
        super().on_end()
        self.has_ended = True

    def on_headers_finished(self) -> None:
        part = self._current_part
        for name, value in part.item_headers:
            if name.lower() in _ENCODINGS and value.strip().lower() not in _NO_ENCODING:
                raise MultiPartException(_ENCODED)
        if part.content_disposition is not None:
            part.content_disposition = with_plain_filename(part.content_disposition)
        super().on_headers_finished()


def _without_charset(request: Request) -> Scope:
    """Return the request's scope without the charset in its Content-Type.

    A charset could name any of Python's codecs, and Starlette falls back to Latin-1 if the codec fails. Cabinet
    requires UTF-8 in every part: the parser gets Latin-1, which preserves each byte, and `texts_of` decodes the bytes.
    """
    boundary = _boundary(request)
    kind = b"multipart/form-data; charset=latin-1"
    if boundary:
        kind += b'; boundary="' + boundary.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    others = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
    return {**request.scope, "headers": [*others, (b"content-type", kind)]}


def _boundary(request: Request) -> bytes:
    """Return the boundary that the Content-Type declares, or nothing."""
    return _parameters_of(request.headers["content-type"]).get(b"boundary", b"")


def _parameters_of(content_type: str) -> dict[bytes, bytes]:
    """Return the parameters of a `Content-Type`.

    Raises:
        UnsupportedMediaTypeError: it is long; the time of the parser grows with the square of its length.
    """
    if len(content_type) > _MOST_CONTENT_TYPE:
        raise UnsupportedMediaTypeError(
            f"Content-Type has more than {_MOST_CONTENT_TYPE:,} characters", field="Content-Type"
        )
    return parse_options_header(content_type)[1]


def _multipart_fault(message: str) -> str:
    """Translate a message of Starlette's parser into the reason why a multipart body cannot be read."""
    return next((ours for theirs, ours in _MULTIPART_FAULTS.items() if message.startswith(theirs)), _BROKEN_MULTIPART)


def _bounded(request: Request, limit_bytes: int) -> Receive:
    """Return the request's `receive`, which refuses a body that is too large or has too many parts.

    The parser steps through every line that begins like a boundary in Python, so they are counted before it.
    """
    received = boundaries = 0
    boundary = _boundary(request)
    delimiter = b"\r\n--" + boundary

    async def receive() -> Message:
        nonlocal received, boundaries
        message = await request.receive()
        body = message.get("body", b"")
        received += len(body)
        if received > limit_bytes + OVERHEAD_BYTES:
            raise document_too_large(limit_bytes)
        boundaries += body.count(delimiter) if boundary else 0
        # Each part but the first follows one, and so does the end.
        if boundaries > MAX_FIELDS + 1:
            raise MalformedRequestError(_MULTIPART_FAULTS["Too many fields"])
        return message

    return receive


def file_of(form: FormData, name: str) -> UploadFile:
    file = form.get(name)
    if file is None:
        detail = f'{name} is required: a part with the name "{name}" and a filename'
        raise InvalidRequestError(detail, field=name, code=MissingField.code)
    if not isinstance(file, UploadFile):
        raise InvalidRequestError(f"{name} must be a file: give its part a filename", field=name)
    return file


def charset_of(file: UploadFile) -> str | None:
    """Return the encoding that the part of a file declares, if it is a text encoding."""
    return declared_charset(file.headers.get("content-type", ""))


def declared_charset(content_type: str) -> str | None:
    """Return the encoding that a `Content-Type` declares, if it is a text encoding."""
    return text_codec(_parameters_of(content_type).get(b"charset", b"").decode("latin-1"))


def bytes_of(file: UploadFile) -> FileBytes:
    """Return the bytes of a file, which is in memory if small, otherwise on disk."""
    return FileBytes(file.file, file.size or 0)


def texts_of(form: FormData, file: UploadFile) -> dict[str, str]:
    """Return the text of each part by name; for `file`, the file's name.

    Raises:
        InvalidFieldsError: the text of one or more parts is not UTF-8.
    """
    texts, faults = {}, []
    for name, value in [*form.multi_items(), ("file", file.filename)]:
        if isinstance(value, str):
            field = name.encode("latin-1").decode(errors="replace")
            try:
                texts[field] = value.encode("latin-1").decode()
            except UnicodeDecodeError:
                shown = "filename" if field == "file" else shown_field(field)
                faults.append(FieldFault(shown, f"{shown} must be text in UTF-8"))
    if faults:
        raise InvalidFieldsError(faults)
    return texts


def repeated_part(name: str) -> FieldFault:
    return FieldFault(name, f"{name} is given more than once; send one part with this name")


def document_too_large(limit_bytes: int) -> TooLargeError:
    return TooLargeError(f"the document is larger than {limit_bytes} bytes, the maximum")
