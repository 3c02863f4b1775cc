"""The form that uploads a file to the OpenAI API: multipart/form-data, with nested fields in brackets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from msgspec import Struct
from starlette.requests import Request

from svc.errors import InvalidFieldsError, InvalidRequestError, UnsupportedMediaTypeError
from svc.field_faults import FieldFault
from svc.fields.filenames import decoded_words, inner_path
from svc.fields.from_text import from_text
from svc.fields.values import Filename
from svc.ingest.file_bytes import FileBytes
from svc.routes.form_bodies import FormFile, received_form
from svc.routes.openai.file_purposes import FileExpiry, Purpose
from svc.web.request import media_type


class FileForm(Struct, frozen=True):
    """An uploaded file with its purpose."""

    filename: str
    content: FileBytes
    charset: str | None
    purpose: Purpose
    expiry: FileExpiry | None


class _Fields(Struct, frozen=True, forbid_unknown_fields=True):
    purpose: Purpose
    file: Filename
    expires_after: FileExpiry | None = None


@asynccontextmanager
async def received_file(request: Request, limit_bytes: int) -> AsyncIterator[FileForm]:
    """Read a file and its purpose from a form. Its bytes can be read within the block.

    Raises:
        UnsupportedMediaTypeError: the body is not a form.
        TooLargeError: the file is larger than `limit_bytes`.
        MalformedRequestError, InvalidRequestError: the body cannot be read, or a field is wrong.
    """
    async with _form(request, "file", limit_bytes) as form:
        yield _file_form(form)


@asynccontextmanager
async def received_part(request: Request, limit_bytes: int) -> AsyncIterator[FileBytes]:
    """Read the part of an upload from a form. Its bytes can be read within the block.

    Raises:
        as `received_file`.
    """
    async with _form(request, "data", limit_bytes) as form:
        if form.texts:
            name = next(iter(form.texts))
            raise InvalidRequestError(f"there is no field {name}; a part has the field data", field=name)
        yield form.content


def _file_form(form: FormFile) -> FileForm:
    values: dict[str, Any] = {}
    for name, text in form.texts.items():
        outer, _, inner = name.partition("[")
        # A form can also have a part with the outer name alone.
        if inner and isinstance(members := values.setdefault(outer, {}), dict):
            members[inner.removesuffix("]")] = text
        else:
            values[name] = text
    # HTML's rules for forms, which clients follow, escape a quotation mark in a name, and no percent sign.
    values["file"] = inner_path(decoded_words(form.filename.replace("%22", '"')))
    try:
        fields = from_text(values, _Fields)
    except InvalidFieldsError as error:
        raise InvalidFieldsError([_of_the_name(fault, values["file"]) for fault in error.faults]) from None
    return FileForm(fields.file, form.content, form.charset, fields.purpose, fields.expires_after)


def _of_the_name(fault: FieldFault, name: str) -> FieldFault:
    """The fault of the file, of which only the name can be wrong here: it is too long or empty."""
    if fault.field != "file":
        return fault
    return type(fault)("file", f"the name of file must have 1 to 255 characters; it has {len(name):,}")


def _form(request: Request, name: str, limit_bytes: int) -> AbstractAsyncContextManager[FormFile]:
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaTypeError("send multipart/form-data with a file", field="Content-Type")
    return received_form(request, name, limit_bytes)
