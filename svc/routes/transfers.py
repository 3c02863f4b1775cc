"""Documents that one user gives to another: `sql/documents/hold.sql`, then `transfer.sql`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from svc.access.quotas import broken_quota, quotas_of
from svc.database.failures import ConstraintError
from svc.errors import ConflictError, InvalidRequestError, UnavailableError
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

_SOMEONE = "0198c0de-0000-7000-8000-000000000000"


class TransferDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """Which documents to give, and to whom."""

    document_ids: Annotated[list[UUID], Meta(min_length=1, max_length=1000, description="At most 1000.")]
    to_user: UUID


class DocumentsTransferred(Struct, frozen=True):
    """How much was given."""

    documents: int
    chunks: int


@routes.post(
    "/documents/transfer",
    access="acting",
    errors=(409,),
    example={"document_ids": [_SOMEONE], "to_user": _SOMEONE},
)
async def transfer_documents(call: Call, body: TransferDocuments) -> DocumentsTransferred:
    """Give documents of one user to another, all of them or none.

    For the admin, who says whose documents they are with `Cabinet-User`: nobody can push documents onto others. They
    must fit into the receiver's plan. Bytes,
    chunks, vectors and what is left to ingest go along, and the ids stay. A document that is being ingested begins anew
    with its new owner. The giver's conversations are about it no more, and what they cited of it keeps its text.
    """
    giver, documents = call.principal.tenant, sorted(set(body.document_ids))
    if body.to_user == giver:
        raise InvalidRequestError("to_user has the documents already; name another user", field="to_user")
    async with call.services.database.transaction() as transaction:
        held = await transaction.one("documents/hold", user_id=giver, document_ids=documents)
        assert held is not None
        if held.documents < len(documents):
            raise InvalidRequestError(
                "document_ids contains an id that is not a document of this user", field="document_ids"
            )
        limits = await transaction.one("usage/quotas", user_id=body.to_user)
        if limits is None:
            raise _no_such_user()
        quotas = quotas_of(limits)
        quotas["documents"].check(held.documents, "the receiver's")
        quotas["chunks"].check(held.chunks, "the receiver's")
        quotas["bytes"].check(held.bytes, "the receiver's")
        try:
            row = await transaction.one(
                "documents/transfer",
                user_id=giver,
                to_user=body.to_user,
                document_ids=documents,
                document_limit=limits.documents_allowed,
                chunk_limit=limits.chunks_allowed,
                byte_limit=limits.bytes_allowed,
            )
        except ConstraintError as error:
            raise _refused(error) from None
    assert row is not None
    return DocumentsTransferred(documents=row.documents, chunks=row.chunks)


def _no_such_user() -> InvalidRequestError:
    return InvalidRequestError("to_user is not the id of a user", field="to_user")


def _refused(error: ConstraintError) -> Exception:
    if error.constraint == "documents_user_id_fkey":
        return _no_such_user()
    if error.constraint == "documents_pkey":
        return ConflictError("this user has a document of the same id already", field="document_ids")
    if broken_quota(error.constraint) is not None:
        # Another request took what was left since the limits were read.
        return UnavailableError("the receiver's plan has been used up meanwhile; try again", retry_after_s=1)
    return error
