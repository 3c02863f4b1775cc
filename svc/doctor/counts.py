"""Checks that stored counts match the rows that they count."""

from __future__ import annotations

import secrets
from uuid import UUID

from svc.doctor.checks import Check, Finding, Subject, Verdict, plural

_MAX_TENANTS = 10_000
MAX_ROWS = 1000
"""The most rows with a fault that a check reads."""
SHOWN = 5
"""The most rows that a check names."""


async def chunk_totals(subject: Subject) -> Verdict:
    """Compares the vectors of a random sample of tenants (all, if there are few) with their stored count."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_chunk_totals", user_ids=users, max_rows=MAX_ROWS)
    findings = [
        Finding(
            "fault",
            f"user {row.user_id} has {row.counted:,} vectors, but the stored count is {row.noted:,}",
            "it determines the lane of searches and which tenants get an own index",
            (row.fix,),
        )
        for row in rows[:SHOWN]
    ]
    return Verdict(seen, findings + more(len(rows), "tenants"))


async def document_totals(subject: Subject) -> Verdict:
    """Compares the documents of a random sample of tenants with their stored totals."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_document_totals", user_ids=users, max_rows=MAX_ROWS)
    findings = [
        Finding(
            "fault",
            f"user {row.user_id} has {plural(row.counted, 'document')} of {row.counted_bytes:,} bytes, "
            f"but the stored totals are {row.noted:,} of {row.noted_bytes:,} bytes",
            "uploads are refused too early or too late",
            (f"cabinet usage recount {row.user_id}",),
        )
        for row in rows[:SHOWN]
    ]
    return Verdict(seen, findings + more(len(rows), "tenants"))


async def conversation_totals(subject: Subject) -> Verdict:
    """Compares the conversations, messages and keys of a random sample of tenants with their stored totals."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_conversation_totals", user_ids=users, max_rows=MAX_ROWS)
    findings = [
        Finding(
            "fault",
            f"user {row.user_id} has {plural(row.counted, 'conversation')}, {plural(row.counted_messages, 'message')} "
            f"and {plural(row.counted_keys, 'key')}, but the stored totals are {row.noted:,}, {row.noted_messages:,} "
            f"and {row.noted_keys:,}",
            "conversations, messages and keys are refused too early or too late",
            (f"cabinet usage recount {row.user_id}",),
        )
        for row in rows[:SHOWN]
    ]
    return Verdict(seen, findings + more(len(rows), "tenants"))


async def chunk_counts(subject: Subject) -> Verdict:
    """Compares the chunks and vectors of each document of a random sample of tenants with their stored count."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_chunk_counts", user_ids=users, max_rows=MAX_ROWS)
    findings = []
    for row in rows[:SHOWN]:
        problem = (
            f"document {row.document_id} of user {row.user_id} has {plural(row.chunks, 'chunk')} and "
            f"{plural(row.vectors, 'vector')}, but the stored count is {row.noted:,}"
        )
        if row.chunks == row.vectors:
            why = "its chunk_count is wrong, and deleting it makes the tenant's count wrong"
            fix: tuple[str, ...] = (row.fix,)
        else:
            why = "searches do not find chunks without a vector, and vectors without a chunk take the place of results"
            fix = (
                row.fix,
                "cabinet doctor --only chunk-totals, and the fix that it prints",
                f"POST /documents/{row.document_id}/retry, with the user's key",
            )
        findings.append(Finding("fault", problem, why, fix))
    return Verdict(seen, findings + more(len(rows), "documents"))


async def message_counts(subject: Subject) -> Verdict:
    """Compares the messages of a random sample of conversations with their stored count."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many(
        "doctor/wrong_message_counts",
        user_ids=users,
        seed=secrets.token_hex(8),
        most_messages=subject.limits.counted_messages,
        max_rows=MAX_ROWS,
    )
    findings = [
        Finding(
            "fault",
            f"conversation {row.conversation_id} of user {row.user_id} has {plural(row.counted, 'message')}, "
            f"but the stored count is {row.noted:,}, or the next position is taken",
            "it determines the position of the next message: if it is too low, every append fails",
            (row.fix,),
        )
        for row in rows[:SHOWN]
    ]
    return Verdict(seen, findings + more(len(rows), "conversations"))


async def unowned_contents(subject: Subject) -> Verdict:
    """Looks for bytes without a document among those of a random sample of tenants."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/unowned_contents", user_ids=users, max_rows=MAX_ROWS)
    findings = [
        Finding(
            "fault",
            f"the bytes of document {row.document_id} of user {row.user_id} remain without it",
            "its row was deleted by hand; its chunks take the place of results of searches",
            (row.fix,),
        )
        for row in rows[:SHOWN]
    ]
    return Verdict(seen, findings + more(len(rows), "documents"))


async def file_parts(subject: Subject) -> Verdict:
    """Compares the parts of files of a random sample of tenants with the sizes of the files."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_file_parts", user_ids=users, max_rows=MAX_ROWS)
    findings = [
        Finding(
            "fault",
            f"document {row.document_id} of user {row.user_id} has {row.file_size:,} bytes, of which "
            f"{row.stored_bytes:,} are stored",
            "a part was deleted by hand; a download of it ends early, and it must be uploaded again",
        )
        for row in rows[:SHOWN]
    ]
    return Verdict(seen, findings + more(len(rows), "documents"))


async def sampled_tenants(subject: Subject) -> tuple[list[UUID], str]:
    """Returns a random sample of tenants, and its size in words."""
    rows = await subject.database.many(
        "doctor/sample_tenants",
        seed=secrets.token_hex(8),
        most_vectors=subject.limits.counted_vectors,
        max_rows=_MAX_TENANTS,
    )
    return [row.user_id for row in rows], f"{plural(len(rows), 'tenant')} checked"


def more(count: int, nouns: str) -> list[Finding]:
    """A finding about the rows that are not named, if there are any."""
    if count <= SHOWN:
        return []
    least = f"{count - SHOWN:,}{' or more' if count == MAX_ROWS else ''}"
    return [Finding("fault", f"and {least} other {nouns}", "as above")]


CHECKS = (
    Check("chunk-totals", "counts", "that the stored count of a tenant's vectors is correct", chunk_totals),
    Check("document-totals", "counts", "that the stored totals of a tenant's documents are correct", document_totals),
    Check(
        "conversation-totals",
        "counts",
        "that the stored totals of a tenant's conversations, messages and keys are correct",
        conversation_totals,
    ),
    Check("chunk-counts", "counts", "that the stored count of a document's chunks is correct", chunk_counts),
    Check("message-counts", "counts", "that the stored count of a conversation's messages is correct", message_counts),
    Check("unowned-bytes", "counts", "that bytes and chunks belong to a document", unowned_contents),
    Check("file-parts", "counts", "that the parts of a file are all of it", file_parts),
)
