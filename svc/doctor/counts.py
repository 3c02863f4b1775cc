"""Checks that stored counts match the rows that they count."""

from __future__ import annotations

import secrets

from svc.database import rows as r
from svc.doctor.checks import Check, Finding, Subject, Verdict, plural
from svc.doctor.samples import MAX_ROWS, sampled_tenants, verdict


async def chunk_totals(subject: Subject) -> Verdict:
    """Compares the vectors of a random sample of tenants with their stored count."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_chunk_totals", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "tenants",
        lambda row: Finding(
            "fault",
            f"user {row.user_id} has {row.counted:,} vectors, but the stored count is {row.noted:,}",
            "it determines the lane of searches and which tenants get an own index",
            (row.fix,),
        ),
    )


async def document_totals(subject: Subject) -> Verdict:
    """Compares the documents of a random sample of tenants with their stored totals."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_document_totals", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "tenants",
        lambda row: Finding(
            "fault",
            f"user {row.user_id} has {plural(row.counted, 'document')} of {row.counted_bytes:,} bytes, "
            f"but the stored totals are {row.noted:,} of {row.noted_bytes:,} bytes",
            "uploads are refused too early or too late",
            (f"cabinet usage recount {row.user_id}",),
        ),
    )


async def conversation_totals(subject: Subject) -> Verdict:
    """Compares the conversations, messages and keys of a random sample of tenants with their stored totals."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_conversation_totals", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "tenants",
        lambda row: Finding(
            "fault",
            f"user {row.user_id} has {plural(row.counted, 'conversation')}, {plural(row.counted_messages, 'message')} "
            f"and {plural(row.counted_keys, 'key')}, but the stored totals are {row.noted:,}, {row.noted_messages:,} "
            f"and {row.noted_keys:,}",
            "conversations, messages and keys are refused too early or too late",
            (f"cabinet usage recount {row.user_id}",),
        ),
    )


async def chunk_counts(subject: Subject) -> Verdict:
    """Compares the chunks and vectors of each document of a random sample of tenants with their stored count."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_chunk_counts", user_ids=users, max_rows=MAX_ROWS)
    return verdict(seen, rows, "documents", _wrong_chunk_count)


def _wrong_chunk_count(row: r.DoctorWrongChunkCounts) -> Finding:
    problem = (
        f"document {row.document_id} of user {row.user_id} has {plural(row.chunks, 'chunk')} and "
        f"{plural(row.vectors, 'vector')}, but the stored count is {row.noted:,}"
    )
    if row.chunks == row.vectors:
        return Finding(
            "fault", problem, "its chunk_count is wrong, and deleting it makes the tenant's count wrong", (row.fix,)
        )
    return Finding(
        "fault",
        problem,
        "searches do not find chunks without a vector, and vectors without a chunk displace results",
        (
            row.fix,
            "cabinet doctor --only chunk-totals, and the fix that it prints",
            f"POST /documents/{row.document_id}/retry, with the user's key",
        ),
    )


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
    return verdict(
        seen,
        rows,
        "conversations",
        lambda row: Finding(
            "fault",
            f"conversation {row.conversation_id} of user {row.user_id} has {plural(row.counted, 'message')}, "
            f"but the stored count is {row.noted:,}, or the next position is already used",
            "it determines the position of the next message: if it is too low, every append fails",
            (row.fix,),
        ),
    )


async def unowned_contents(subject: Subject) -> Verdict:
    """Looks for bytes without a document among those of a random sample of tenants."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/unowned_contents", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "documents",
        lambda row: Finding(
            "fault",
            f"the bytes of document {row.document_id} of user {row.user_id} remain without it",
            "its row was deleted by hand; its chunks displace results of searches",
            (row.fix,),
        ),
    )


async def file_parts(subject: Subject) -> Verdict:
    """Compares the parts of files of a random sample of tenants with the sizes of the files."""
    users, seen = await sampled_tenants(subject)
    rows = await subject.database.many("doctor/wrong_file_parts", user_ids=users, max_rows=MAX_ROWS)
    return verdict(
        seen,
        rows,
        "documents",
        lambda row: Finding(
            "fault",
            f"document {row.document_id} of user {row.user_id} has {row.file_size:,} bytes, of which "
            f"{row.stored_bytes:,} are stored",
            "a part was deleted by hand; its download ends early, and it must be uploaded again",
        ),
    )


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
    Check("file-parts", "counts", "that all parts of a file are stored", file_parts),
)
