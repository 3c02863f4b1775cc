"""Changes to many documents at once, one statement for each route: `sql/documents/*_many.sql`."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from svc import batches
from svc.errors import InvalidRequestError
from svc.fields.validation import Faults
from svc.fields.values import MAX_METADATA_BYTES, Metadata, check_metadata
from svc.filters.reading import Filter
from svc.routes.documents import Status
from svc.routes.searched_collections import CollectionIds
from svc.routes.selections import check_contained, check_selection
from svc.search.filters import DocumentFilters, check_filters, matching
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

MAX_DOCUMENTS = 1000
"""The maximum number of documents that one request changes."""

DocumentIds = Annotated[
    list[UUID], Meta(max_length=MAX_DOCUMENTS, description=f"Ids of your documents, at most {MAX_DOCUMENTS}.")
]


All = Annotated[bool, Meta(description="Selects every document; excludes the other fields.")]


class DeleteDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """Selects documents by id, status, metadata, filter and collection: at least one of these, or `all`.

    A document must match every field that is sent. No part of `metadata` may be empty, since it would limit nothing.
    """

    document_ids: DocumentIds | None = None
    status: Status | None = None
    metadata: Metadata | None = None
    filter: Filter | None = None
    collection_ids: CollectionIds | None = None
    all: All = False


class DocumentsDeleted(Struct, frozen=True):
    """The number of deleted documents. If `more` is true, others may match: send the request again."""

    deleted: int
    more: bool


class RetryDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """Selects the failed documents to ingest again, by id, filter and collection: at least one of these, or `all`."""

    document_ids: DocumentIds | None = None
    filter: Filter | None = None
    collection_ids: CollectionIds | None = None
    all: All = False


class DocumentsQueued(Struct, frozen=True):
    """The number of queued documents. If `more` is true, other failed documents may be left: send the request again."""

    queued: int
    more: bool


class PatchMetadata(Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396), and the documents to change: by id, by filter or by both, or `all`.

    `after` continues an earlier request: only documents with a greater id.
    """

    patch: Metadata
    document_ids: DocumentIds | None = None
    filter: Filter | None = None
    all: All = False
    after: UUID | None = None


class MetadataPatched(Struct, frozen=True):
    """The number of changed documents. If `next` is not null, others may match: send it as `after`."""

    updated: int
    next: UUID | None


_HARMLESS = "The request can be repeated without harm"


@routes.post("/documents/delete", repeated=_HARMLESS, example={"status": "error", "metadata": {"topic": "astronomy"}})
async def delete_documents(call: Call, body: DeleteDocuments) -> DocumentsDeleted:
    """Delete many documents, selected by id, status, metadata, filter or collection, or all of them with `"all": true`.

    An empty selection is refused, so that a mistake does not delete everything. A request deletes at most 1,000
    documents, the oldest first. Ids that are not ids of your documents are ignored; compare the count.
    """
    conditions = {
        "document_ids": body.document_ids,
        "status": body.status,
        "metadata": body.metadata,
        "filter": body.filter,
        "collection_ids": body.collection_ids,
    }
    check_selection(conditions, is_all=body.all, action="delete")
    filters = DocumentFilters(metadata=body.metadata, filter=body.filter)
    _check(filters)
    if body.metadata is not None:
        check_contained(body.metadata, "metadata")
    tenant = call.principal.tenant
    async with call.services.database.transaction() as transaction:
        held = await transaction.many(
            "documents/hold_matching",
            user_id=tenant,
            document_ids=body.document_ids,
            status=body.status,
            filters=matching(filters),
            collection_ids=body.collection_ids,
            max_rows=MAX_DOCUMENTS,
        )
        deleted = await transaction.exec(
            "documents/delete",
            user_id=tenant,
            document_ids=[row.id for row in held],
            max_parts=batches.ERASED_PARTS,
        )
    return DocumentsDeleted(deleted, _may_be_more(body.document_ids, deleted))


@routes.post(
    "/documents/retry",
    status=202,
    repeated=_HARMLESS,
    example={"document_ids": ["0198c0de-0000-7000-8000-000000000000"]},
)
async def retry_documents(call: Call, body: RetryDocuments) -> DocumentsQueued:
    """Ingest failed documents again, selected by id, filter or collection, or all of them with `"all": true`.

    Failed readings of these documents for vector stores with other chunk sizes are also queued, and count.
    A request queues at most 1,000, the oldest first. Documents that have not failed are ignored; compare the count.
    """
    conditions = {
        "document_ids": body.document_ids,
        "filter": body.filter,
        "collection_ids": body.collection_ids,
    }
    check_selection(conditions, is_all=body.all, action="ingest again")
    filters = DocumentFilters(filter=body.filter)
    _check(filters)
    queued = await call.services.database.value(
        "documents/retry_many",
        user_id=call.principal.tenant,
        document_ids=body.document_ids,
        filters=matching(filters),
        collection_ids=body.collection_ids,
        max_rows=MAX_DOCUMENTS,
    )
    # Readings also count, so the count can exceed the number of given ids.
    return DocumentsQueued(queued, _may_be_more(None, queued))


@routes.post(
    "/documents/metadata",
    repeated=_HARMLESS,
    example={"document_ids": ["0198c0de-0000-7000-8000-000000000000"], "patch": {"reviewed": True, "draft": None}},
)
async def patch_metadata(call: Call, body: PatchMetadata) -> MetadataPatched:
    """Change the metadata of many documents, selected by id or filter, with one JSON merge patch (RFC 7396).

    A member of the patch replaces the member with the same name, or is merged into it if both are objects; null removes
    it. A request changes at most 1,000 documents, the oldest first. Ids that are not ids of your documents are ignored;
    compare the count. If the patch would make the metadata of one document too large, no document is changed.
    """
    check_metadata(body.patch, "patch")
    conditions = {"document_ids": body.document_ids, "filter": body.filter}
    check_selection(conditions, is_all=body.all, action="change")
    filters = DocumentFilters(filter=body.filter)
    _check(filters)
    row = await call.services.database.one(
        "documents/merge_metadata_many",
        user_id=call.principal.tenant,
        document_ids=body.document_ids,
        filters=matching(filters),
        after=body.after,
        patch=body.patch,
        max_bytes=MAX_METADATA_BYTES,
        max_rows=MAX_DOCUMENTS,
    )
    assert row is not None
    if row.too_large is not None:
        raise InvalidRequestError(
            f"patch would make the metadata of document {row.too_large} larger than {MAX_METADATA_BYTES:,} bytes",
            field="patch",
        )
    return MetadataPatched(row.updated, row.last_id if _may_be_more(body.document_ids, row.updated) else None)


def _check(filters: DocumentFilters) -> None:
    faults = Faults()
    check_filters(faults, filters)
    faults.raise_if_any()


def _may_be_more(document_ids: list[Any] | None, changed: int) -> bool:
    return document_ids is None and changed == MAX_DOCUMENTS
