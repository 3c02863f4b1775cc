"""Checks of collections: their files, their readers and their expiry."""

from __future__ import annotations

from svc.doctor.checks import Check, Finding, Subject, Verdict
from svc.doctor.samples import MAX_ROWS, sampled_tenants, verdict

_BY_HAND = "a row was deleted by hand, or only some tables were restored"


async def files(subject: Subject) -> Verdict:
    """Looks for files of collections, of a random sample of tenants, without their document or collection."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/dangling_files", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "files",
        lambda row: Finding(
            "fault",
            f"file {row.file_id} of collection {row.collection_id} of user {row.user_id} has no "
            f"{'collection' if row.lacks_collection else 'document'}",
            _BY_HAND,
            (row.fix,),
        ),
    )


async def readers(subject: Subject) -> Verdict:
    """Looks for shares of a random sample of tenants without their collection or their reader."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/dangling_readers", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "shares",
        lambda row: Finding(
            "fault",
            f"collection {row.collection_id} of user {row.user_id} "
            + ("is shared, but does not exist" if row.lacks_collection else "is shared with a user who does not exist"),
            f"{_BY_HAND}; a new collection with the missing id would be shared, or a new user could read, immediately",
            (row.fix,),
        ),
    )


async def keys(subject: Subject) -> Verdict:
    """Looks for keys of a random sample of tenants that are limited to a collection that does not exist."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/dangling_keys", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "keys",
        lambda row: Finding(
            "fault",
            f"key {row.key_id} of user {row.user_id} is limited to collection {row.collection_id}, which is missing",
            f"{_BY_HAND}; the key could access a new collection with this id immediately",
            (row.fix,),
        ),
    )


async def expiries(subject: Subject) -> Verdict:
    """Compares the time of expiry of the collections of a random sample of tenants with their last use."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_expiries", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "collections",
        lambda row: Finding(
            "fault",
            f"collection {row.collection_id} of user {row.user_id} has an expiry time that does not match its last use",
            "it expires too early or too late",
            (row.fix,),
        ),
    )


CHECKS = (
    Check("collection-files", "collections", "that the files of collections have a document", files),
    Check("collection-readers", "collections", "that shares have a collection and a reader", readers),
    Check("collection-keys", "collections", "that keys limited to a collection have it", keys),
    Check("collection-expiry", "collections", "that collections expire when they should", expiries),
)
