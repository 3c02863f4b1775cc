"""`/v1/files`: documents of the native API as files. A file is read when it is added to a vector store."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from svc import batches
from svc.access.quotas import broken_quota
from svc.accounts.quotas import refused
from svc.database import rows as r
from svc.database.failures import ConstraintError
from svc.errors import InvalidRequestError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import check_text
from svc.ingest.file_bytes import FileBytes
from svc.ingest.stored_files import stored_type
from svc.routes.documents import document_row
from svc.routes.downloads import download
from svc.routes.limited_keys import check_deletable, in_transaction_if_limited, put_into
from svc.routes.new_documents import NewDocument, create_document, file_hash
from svc.routes.openai.file_purposes import Purpose, expires_after_s
from svc.routes.openai.forms import received_file
from svc.routes.openai.ids import FILE, given_id, path_id, shown_id
from svc.routes.openai.lists import Deleted, Listed, Order, listed
from svc.routes.shared_access import Share, own_or_shared_document
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")


class FilesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The page of files: after the file with the id `after`, from the newest unless `order` is asc."""

    purpose: Annotated[str, Meta(max_length=64)] | None = None
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 10_000
    order: Order = "desc"


class FileObject(Struct, frozen=True):
    """A file. The times are in seconds since 1970."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["processed", "error"]
    expires_at: int | None
    status_details: str | None
    object: Literal["file"] = "file"


@routes.post("/v1/files", errors=(400, 409, 413), produces="application/json", takes="multipart/form-data", within=True)
async def openai_create_file(call: Call) -> Response:
    """Store a file: multipart/form-data with the parts `file`, `purpose` and, optionally, `expires_after[…]`."""
    async with received_file(call.request, call.services.settings.max_upload_bytes) as form:
        file = await create_file(
            call, form.filename, form.content, form.purpose, expires_after=expires_after_s(form.purpose, form.expiry),
            charset=form.charset,
        )  # fmt: skip
    return Response(msgspec.json.encode(file), media_type="application/json")


@routes.get("/v1/files")
async def openai_list_files(call: Call, query: FilesQuery) -> Listed[FileObject]:
    """List the files, newest first unless `order` is asc; all, or those with a purpose."""
    if query.purpose is not None:
        check_text(query.purpose, "purpose")
    rows = await call.services.database.many(
        "documents/list_files",
        user_id=call.principal.tenant,
        purpose=query.purpose,
        descending=query.order == "desc",
        after=None if query.after is None else given_id(FILE, query.after, "after"),
        before=None,
        max_rows=query.limit + 1,
    )
    files = [file_of(row) for row in rows[: query.limit]]
    return listed(files, lambda file: file.id, has_more=len(rows) > query.limit)


@routes.get("/v1/files/{file_id}", errors=(404,), within=True)
async def openai_get_file(call: Call) -> FileObject:
    """Get a file."""
    file_id = file_id_of(call)

    async def read(share: Share) -> FileObject:
        row = await document_row(call.services.database, share, file_id)
        if row is None:
            raise no_such_file()
        return file_of(row)

    if call.principal.collection_id is not None:
        return await own_or_shared_document(call, file_id, read)
    return await read(Share(call.principal.tenant, ()))


@routes.get("/v1/files/{file_id}/content", errors=(404,), produces="application/octet-stream", ranges=True, within=True)
async def openai_get_file_content(call: Call) -> Response:
    """Download the bytes of a file."""
    try:
        return await download(call, file_id_of(call))
    except NotFoundError:
        raise no_such_file() from None


@routes.delete("/v1/files/{file_id}", errors=(404, 409), within=True)
async def openai_delete_file(call: Call) -> Deleted:
    """Delete a file. It leaves all vector stores."""
    file_id = file_id_of(call)
    async with in_transaction_if_limited(call) as queries:
        await check_deletable(call, queries, file_id, "file")
        deleted = await queries.exec(
            "documents/delete", user_id=call.principal.tenant, document_ids=[file_id], max_parts=batches.ERASED_PARTS
        )
    if not deleted:
        raise no_such_file()
    return Deleted(shown_id(FILE, file_id), "file")


async def create_file(
    call: Call,
    filename: str,
    content: FileBytes,
    purpose: Purpose,
    *,
    expires_after: int | None,
    charset: str | None = None,
) -> FileObject:
    """Store a file, without reading it. It is deleted `expires_after` seconds later (None: never). `charset` is the
    encoding that the client declared.

    Raises:
        InvalidRequestError: it is empty, or its name cannot be stored.
        QuotaExceededError: the user's plan allows no more files, or bytes.
    """
    faults = Faults()
    faults.check(check_text, filename, "file")
    faults.raise_if_any()
    if not content.size:
        raise InvalidRequestError("file is empty; send a file with at least one byte", field="file")
    tenant, database = call.principal.tenant, call.services.database
    new = NewDocument(
        filename=filename,
        file_type=await stored_type(filename, content, images=call.services.settings.ocr),
        content_hash=await file_hash(content),
        expires_after_s=expires_after,
        purpose=purpose,
        is_read=False,
        charset=charset,
    )
    try:
        if content.is_in_parts or call.principal.collection_id is not None:
            async with database.transaction() as transaction:
                row = await create_document(transaction, tenant, content, new)
                if row is not None:
                    await put_into(call, transaction, row.id)
        else:
            row = await create_document(database, tenant, content, new)
    except ConstraintError as error:
        if broken_quota(error.constraint) is None:
            raise
        row = None
    if row is None:
        raise await refused(database, tenant, {"documents": 1, "bytes": content.size})
    return file_of(row)


def file_id_of(call: Call) -> UUID:
    """Return the id of the file in the path.

    Raises:
        NotFoundError: no file can have it.
    """
    return path_id(call, "file_id", FILE, "file")


def no_such_file(field: str | None = None) -> NotFoundError:
    """Return the error for a file that does not exist."""
    return NotFoundError("there is no such file", field=field)


def file_of(row: r.DocumentsGet) -> FileObject:
    """Convert a row to a file. A document from the native API has no purpose, since it is for searches."""
    return FileObject(
        id=shown_id(FILE, row.id),
        bytes=row.file_size,
        created_at=int(row.created_at.timestamp()),
        filename=row.filename,
        purpose=row.purpose or "assistants",
        status="error" if row.status == "error" else "processed",
        expires_at=None if row.expires_at is None else int(row.expires_at.timestamp()),
        status_details=row.error if row.status == "error" else None,
    )
