"""Transferring documents from one user to another: `sql/documents/hold.sql`, then `svc/tenants/transfer.py`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from svc import batches
from svc.access.quotas import broken_quota, quotas_of
from svc.access.references import find_user_id
from svc.database.deadline import database_budget
from svc.database.deadlocks import again_after_deadlock
from svc.database.failures import ConstraintError
from svc.database.queries import Database, Transaction
from svc.errors import ConflictError, InvalidRequestError, UnavailableError
from svc.tenants.transfer import transfer_documents as transfer
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("documents")

_SOMEONE = "0198c0de-0000-7000-8000-000000000000"


class TransferDocuments(Struct, frozen=True, forbid_unknown_fields=True):
    """The documents to transfer, and the receiving user."""

    document_ids: Annotated[list[UUID], Meta(min_length=1, max_length=1000, description="At most 1000.")]
    to_user: Annotated[str, Meta(max_length=320, description="The id or the external id of the user.")]


class DocumentsTransferred(Struct, frozen=True):
    """The numbers of transferred documents and chunks."""

    documents: int
    chunks: int


@routes.post(
    "/documents/transfer",
    access="acting",
    errors=(409,),
    repeated="After a lost answer, send the request again: it is refused if the documents were transferred",
    example={"document_ids": [_SOMEONE], "to_user": _SOMEONE},
)
async def transfer_documents(call: Call, body: TransferDocuments) -> DocumentsTransferred:
    """Transfer documents from one user to another, all or none.

    Requires the admin key, with the current owner in `Cabinet-User`, so that users cannot push documents onto others.
    The documents must fit into the receiver's plan. Their bytes, chunks, vectors and queued ingestion move with them,
    and the ids stay the same. If a document is being ingested, its ingestion starts over with the new owner. The
    documents are removed from the previous owner's conversations; citations in them keep their text. A transfer takes
    some seconds for each 10,000 chunks, and becomes visible only when it is complete.
    """
    giver, documents = call.principal.tenant, sorted(set(body.document_ids))
    to_user = await find_user_id(call.services.database, body.to_user)
    if to_user is None:
        raise _no_such_user()
    if to_user == giver:
        raise InvalidRequestError("to_user already owns the documents; name another user", field="to_user")
    # A transfer of many chunks takes long.
    with database_budget(None):
        database = call.services.database
        return await again_after_deadlock(lambda: _transferred(database, giver, to_user, documents))


async def _transferred(database: Database, giver: UUID, to_user: UUID, documents: list[UUID]) -> DocumentsTransferred:
    async with database.transaction() as transaction:
        held = await transaction.many("documents/hold", user_id=giver, document_ids=documents, max_rows=len(documents))
        if len(held) < len(documents):
            raise InvalidRequestError(
                "document_ids contains an id that is not a document of this user", field="document_ids"
            )
        await _delete_readings(transaction, giver, documents)
        limits = await transaction.one("usage/quotas", user_id=to_user)
        if limits is None:
            raise _no_such_user()
        given = len(held), sum(row.chunk_count for row in held), sum(row.file_size for row in held)
        quotas = quotas_of(limits)
        quotas["documents"].check(given[0], "the receiver's")
        quotas["chunks"].check(given[1], "the receiver's")
        quotas["bytes"].check(given[2], "the receiver's")
        try:
            await transfer(transaction, giver, to_user, held, limits)
        except ConstraintError as error:
            raise _refused(error) from None
    return DocumentsTransferred(documents=given[0], chunks=given[1])


async def _delete_readings(transaction: Transaction, giver: UUID, documents: list[UUID]) -> None:
    while True:
        readings = await transaction.many(
            "documents/find_readings", user_id=giver, document_ids=documents, max_rows=batches.DELETED_READINGS
        )
        if readings:
            await transaction.exec(
                "documents/delete",
                user_id=giver,
                document_ids=[row.id for row in readings],
                max_parts=batches.ERASED_PARTS,
                with_readings=True,
            )
        if len(readings) < batches.DELETED_READINGS:
            return


def _no_such_user() -> InvalidRequestError:
    return InvalidRequestError("to_user is not the id of a user", field="to_user")


def _refused(error: ConstraintError) -> Exception:
    if error.constraint in ("documents_user_id_fkey", "document_contents_user_id_fkey"):
        return _no_such_user()
    if error.constraint == "document_contents_pkey":
        return UnavailableError("a deleted document of the same id is still being erased; try again", retry_after_s=60)
    if error.constraint == "documents_pkey":
        return ConflictError("this user already has a document with the same id", field="document_ids")
    if broken_quota(error.constraint) is not None:
        # Another request used up the quota after the limits were read.
        return UnavailableError("another request has just used up the receiver's plan; try again", retry_after_s=1)
    return error
