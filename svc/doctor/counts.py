"""Numbers that are noted beside what they count: by the size of a tenant a search picks its lane."""

from __future__ import annotations

import secrets
from uuid import UUID

from svc.doctor.checks import Check, Finding, Subject, Verdict, plural

_MAX_TENANTS = 10_000
_MAX_ROWS = 1000
_SHOWN = 5


async def chunk_totals(subject: Subject) -> Verdict:
    """Of tenants drawn by lot, all of them where there are few."""
    users, seen = await _tenants(subject)
    rows = await subject.database.many("doctor/wrong_chunk_totals", user_ids=users, max_rows=_MAX_ROWS)
    findings = [
        Finding(
            "fault",
            f"user {row.user_id} has {row.counted:,} vectors, {row.noted:,} are noted",
            "a search picks its lane by it, and the indexes of large tenants are made by it",
            (row.mend,),
        )
        for row in rows[:_SHOWN]
    ]
    return Verdict(seen, findings + _more(len(rows), "tenants"))


async def document_totals(subject: Subject) -> Verdict:
    """Of tenants drawn by lot."""
    users, seen = await _tenants(subject)
    rows = await subject.database.many("doctor/wrong_document_totals", user_ids=users, max_rows=_MAX_ROWS)
    findings = [
        Finding(
            "fault",
            f"user {row.user_id} has {plural(row.counted, 'document')} of {row.counted_bytes:,} bytes, "
            f"{row.noted:,} of {row.noted_bytes:,} are noted",
            "uploads are refused too soon, or too late",
            (f"cabinet usage recount {row.user_id}",),
        )
        for row in rows[:_SHOWN]
    ]
    return Verdict(seen, findings + _more(len(rows), "tenants"))


async def chunk_counts(subject: Subject) -> Verdict:
    """Of all documents of tenants drawn by lot."""
    users, seen = await _tenants(subject)
    rows = await subject.database.many("doctor/wrong_chunk_counts", user_ids=users, max_rows=_MAX_ROWS)
    findings = []
    for row in rows[:_SHOWN]:
        what = (
            f"document {row.document_id} of user {row.user_id} has {plural(row.chunks, 'chunk')} and "
            f"{plural(row.vectors, 'vector')}, {row.noted:,} are noted"
        )
        if row.chunks == row.vectors:
            why = "what is shown of it is wrong, and so is the tenant's count when it is deleted"
            mend: tuple[str, ...] = (row.mend,)
        else:
            why = "chunks without a vector are not found, vectors without a chunk take the places of others"
            mend = (
                row.mend,
                "cabinet doctor --only chunk-totals, and what it says",
                f"POST /documents/{row.document_id}/retry, for the user",
            )
        findings.append(Finding("fault", what, why, mend))
    return Verdict(seen, findings + _more(len(rows), "documents"))


async def message_counts(subject: Subject) -> Verdict:
    """Of conversations drawn by lot among those of the tenants drawn."""
    users, seen = await _tenants(subject)
    rows = await subject.database.many(
        "doctor/wrong_message_counts",
        user_ids=users,
        seed=secrets.token_hex(8),
        most_messages=subject.limits.counted_messages,
        max_rows=_MAX_ROWS,
    )
    findings = [
        Finding(
            "fault",
            f"conversation {row.conversation_id} of user {row.user_id} has {plural(row.counted, 'message')}, "
            f"{row.noted:,} are noted",
            "the next message takes its place by it: a number too low makes every append fail",
            (row.mend,),
        )
        for row in rows[:_SHOWN]
    ]
    return Verdict(seen, findings + _more(len(rows), "conversations"))


async def _tenants(subject: Subject) -> tuple[list[UUID], str]:
    """Tenants drawn by lot, and how to say that."""
    rows = await subject.database.many(
        "doctor/sample_tenants",
        seed=secrets.token_hex(8),
        most_vectors=subject.limits.counted_vectors,
        max_rows=_MAX_TENANTS,
    )
    return [row.user_id for row in rows], f"{plural(len(rows), 'tenant')} looked at"


def _more(count: int, what: str) -> list[Finding]:
    if count <= _SHOWN:
        return []
    least = f"{count - _SHOWN:,}{' or more' if count == _MAX_ROWS else ''}"
    return [Finding("fault", f"and {least} other {what}", "as above")]


CHECKS = (
    Check("chunk-totals", "counts", "that the noted size of a tenant is the number of their vectors", chunk_totals),
    Check("document-totals", "counts", "that what counts towards a plan is what there is", document_totals),
    Check("chunk-counts", "counts", "that a document's noted chunks are there, each with its vector", chunk_counts),
    Check("message-counts", "counts", "that a conversation's noted messages are there", message_counts),
)
