"""`/v1/uploads`: files in several parts, for files that are too large for one request."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from svc.database import rows as r
from svc.errors import InvalidRequestError
from svc.fields.filenames import inner_path
from svc.fields.validation import Faults
from svc.fields.values import Filename, check_text
from svc.routes.completed_uploads import Completion, complete_upload
from svc.routes.openai.file_purposes import FileExpiry, Purpose, expires_after_s
from svc.routes.openai.files import FileObject, file_of
from svc.routes.openai.forms import received_part
from svc.routes.openai.ids import PART, UPLOAD, given_id, path_id, shown_id
from svc.routes.pending_uploads import (
    MOST_PART_BYTES,
    MOST_PARTS,
    NewUpload,
    add_part,
    cancel_upload,
    create_upload,
    read_upload,
)
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")

_BODY_BYTES: Final = 2**20


Status = Literal["pending", "completed", "cancelled", "expired"]


class CreateUpload(Struct, frozen=True, forbid_unknown_fields=True):
    """A file to be sent in parts, and its size in bytes."""

    bytes: Annotated[int, Meta(ge=1)]
    filename: Filename
    mime_type: Annotated[str, Meta(min_length=1, max_length=255)]
    purpose: Purpose
    expires_after: FileExpiry | None = None


class CompleteUpload(Struct, frozen=True, forbid_unknown_fields=True):
    """The parts in their order, and the MD5 checksum of all bytes in hexadecimal digits."""

    part_ids: Annotated[list[str], Meta(min_length=1, max_length=MOST_PARTS)]
    md5: Annotated[str, Meta(max_length=64)] | None = None


class UploadObject(Struct, frozen=True):
    """An upload. The times are in seconds since 1970; `file` is set when the upload is completed."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Status
    expires_at: int
    file: FileObject | None = None
    object: Literal["upload"] = "upload"


class UploadPart(Struct, frozen=True):
    """A part of an upload."""

    id: str
    created_at: int
    upload_id: str
    object: Literal["upload.part"] = "upload.part"


@routes.post(
    "/v1/uploads",
    errors=(400,),
    example={"bytes": 42, "filename": "moon.md", "mime_type": "text/markdown", "purpose": "assistants"},
)
async def openai_create_upload(call: Call, body: CreateUpload) -> UploadObject:
    """Begin an upload, which expires after an hour."""
    faults = Faults()
    faults.check(check_text, body.filename, "filename")
    faults.check(check_text, body.mime_type, "mime_type")
    faults.raise_if_any()
    most = call.services.settings.max_upload_bytes
    if body.bytes > most:
        raise InvalidRequestError(f"bytes must be at most {most:,}, the maximum for a file", field="bytes")
    new = NewUpload(
        filename=inner_path(body.filename),
        purpose=body.purpose,
        mime_type=body.mime_type,
        file_bytes=body.bytes,
        file_expires_after_s=None if body.expires_after is None else body.expires_after.seconds,
    )
    return _shown(await create_upload(call.services.database, call.principal.tenant, new))


@routes.post("/v1/uploads/{upload_id}/parts", errors=(400, 404, 413), takes="multipart/form-data")
async def openai_add_upload_part(call: Call) -> UploadPart:
    """Add a part to an upload: multipart/form-data with the part `data`, of at most 64 MB."""
    upload_id = _id(call)
    most = min(MOST_PART_BYTES, call.services.settings.max_upload_bytes)
    async with received_part(call.request, most) as data:
        part = await add_part(call.services.database, call.principal.tenant, upload_id, data)
    return UploadPart(shown_id(PART, part.id), int(part.created_at.timestamp()), shown_id(UPLOAD, upload_id))


@routes.post(
    "/v1/uploads/{upload_id}/complete", errors=(400, 404), body_bytes=_BODY_BYTES, example={"part_ids": ["part_abc"]}
)
async def openai_complete_upload(call: Call, body: CompleteUpload) -> UploadObject:
    """Complete an upload: its parts, in the given order, become a file."""
    database, tenant = call.services.database, call.principal.tenant
    upload = await read_upload(database, tenant, _id(call))
    seconds = upload.file_expires_after_s
    expiry = None if seconds is None else FileExpiry("created_at", seconds)
    part_ids = [given_id(PART, text, f"part_ids[{index}]") for index, text in enumerate(body.part_ids)]
    expires = expires_after_s(upload.purpose, expiry)
    completion = Completion(part_ids, body.md5, expires, images=call.services.settings.ocr)
    upload, document = await complete_upload(database, tenant, upload, completion)
    return _shown(upload, file_of(document))


@routes.post("/v1/uploads/{upload_id}/cancel", errors=(400, 404))
async def openai_cancel_upload(call: Call) -> UploadObject:
    """Cancel an upload. Its parts are erased."""
    return _shown(await cancel_upload(call.services.database, call.principal.tenant, _id(call)))


def _id(call: Call) -> UUID:
    return path_id(call, "upload_id", UPLOAD, "upload")


def _status(row: r.UploadsGet) -> Status:
    if row.status == "pending":
        return "expired" if row.is_expired else "pending"
    return "completed" if row.status == "completed" else "cancelled"


def _shown(row: r.UploadsGet, file: FileObject | None = None) -> UploadObject:
    return UploadObject(
        id=shown_id(UPLOAD, row.id),
        bytes=row.file_bytes,
        created_at=int(row.created_at.timestamp()),
        filename=row.filename,
        purpose=row.purpose,
        status=_status(row),
        expires_at=int(row.expires_at.timestamp()),
        file=file,
    )
