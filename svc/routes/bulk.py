"""Many documents at once, each route one statement: `sql/documents/*_many.sql`."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from svc.errors import InvalidRequestError
from svc.fields.values import MAX_METADATA_BYTES, Metadata, check_metadata
from svc.routes.documents import Status
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

MAX_DOCUMENTS = 1000
"""Documents that one request changes at most."""

DocumentIds = Annotated[
    list[UUID], Meta(max_length=MAX_DOCUMENTS, description=f"Documents of yours, at most {MAX_DOCUMENTS}.")
]


class DeleteDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """Which documents to delete: those that fit all that is said, of which at least one must be."""

    document_ids: DocumentIds | None = None
    status: Status | None = None
    metadata: Metadata | None = None


class DocumentsDeleted(Struct, frozen=True):
    """How many were deleted; `more`: there may be more of those chosen, so send the request again."""

    deleted: int
    more: bool


class RetryDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """Which failed documents to ingest again; without ids all of them."""

    document_ids: DocumentIds | None = None


class DocumentsQueued(Struct, frozen=True):
    """How many were queued again; `more`: there may be more that failed, so send the request again."""

    queued: int
    more: bool


class PatchMetadata(Struct, frozen=True, forbid_unknown_fields=True):
    """Which documents to change, and a JSON merge patch (RFC 7396) of their metadata."""

    document_ids: DocumentIds
    patch: Metadata


class MetadataPatched(Struct, frozen=True):
    """How many documents were changed."""

    updated: int


@routes.post("/documents/delete", example={"status": "error", "metadata": {"topic": "astronomy"}})
async def delete_documents(call: Call, body: DeleteDocuments) -> DocumentsDeleted:
    """Delete many documents: those named, or those of a status or with some metadata.

    At most 1,000 a request, the oldest first. An id that is none of yours is passed over: the count tells.
    """
    if body.document_ids is None and body.status is None and body.metadata is None:
        raise InvalidRequestError(
            "send at least one of document_ids, status and metadata, to say which documents to delete",
            field="document_ids",
        )
    if body.metadata is not None:
        check_metadata(body.metadata, "metadata")
    deleted = await call.services.database.value(
        "documents/delete_many",
        user_id=call.principal.tenant,
        document_ids=body.document_ids,
        status=body.status,
        metadata=body.metadata,
        max_rows=MAX_DOCUMENTS,
    )
    return DocumentsDeleted(deleted, _may_be_more(body.document_ids, deleted))


@routes.post("/documents/retry", status=202, example={"document_ids": ["0198c0de-0000-7000-8000-000000000000"]})
async def retry_documents(call: Call, body: RetryDocuments) -> DocumentsQueued:
    """Ingest failed documents again: those named, or all.

    At most 1,000 a request, the oldest first. Documents that have not failed are passed over: the count tells.
    """
    queued = await call.services.database.value(
        "documents/retry_many",
        user_id=call.principal.tenant,
        document_ids=body.document_ids,
        max_rows=MAX_DOCUMENTS,
    )
    return DocumentsQueued(queued, _may_be_more(body.document_ids, queued))


@routes.post(
    "/documents/metadata",
    example={"document_ids": ["0198c0de-0000-7000-8000-000000000000"], "patch": {"reviewed": True, "draft": None}},
)
async def patch_metadata(call: Call, body: PatchMetadata) -> MetadataPatched:
    """Change the metadata of many documents by one JSON merge patch (RFC 7396).

    A member replaces the one of its name, or is merged with it where both are objects; null takes a member away. An id
    that is none of yours is passed over: the count tells. When one document would have too much metadata, none changes.
    """
    check_metadata(body.patch, "patch")
    row = await call.services.database.one(
        "documents/merge_metadata_many",
        user_id=call.principal.tenant,
        document_ids=body.document_ids,
        patch=body.patch,
        max_bytes=MAX_METADATA_BYTES,
    )
    assert row is not None
    if row.too_large is not None:
        raise InvalidRequestError(
            f"patch would make the metadata of document {row.too_large} larger than {MAX_METADATA_BYTES:,} bytes",
            field="patch",
        )
    return MetadataPatched(row.updated)


def _may_be_more(document_ids: list[Any] | None, changed: int) -> bool:
    return document_ids is None and changed == MAX_DOCUMENTS
