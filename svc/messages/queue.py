"""The queue of conversations with messages to embed: `sql/message_jobs/`. Claims are leased and fenced.

A job covers all messages of a conversation that have no vector yet. Each claim generates a lease id, on which every
later statement is conditional, so a worker whose lease has expired can no longer change anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from svc.access.quotas import Quota, broken_quota
from svc.database import rows as r
from svc.database.failures import ConstraintError
from svc.database.queries import Database
from svc.errors import LeaseLostError
from svc.jobs.storing import storing
from svc.terms.counting import TextTerms
from svc.terms.texts import StoredTerms
from svc.vectors.signatures import signatures
from svc.vectors.texts import worded_message

# The size of a batch: enough for the provider's concurrent calls, and little lost work if the worker dies.
_MESSAGES_AT_ONCE = 256
_BYTES_AT_ONCE = 2**20


@dataclass(frozen=True)
class MessageJob:
    """A claimed conversation.

    `lease` is the fencing token. `tries` counts failed attempts. `interruptions` counts attempts, including this one,
    whose worker did not report the end.
    """

    user_id: UUID
    conversation_id: UUID
    tries: int
    interruptions: int
    lease: UUID


@dataclass(frozen=True)
class Start:
    """The start of the work on a conversation: the last position with a vector, and the user's quota of tokens."""

    position: int
    tokens: Quota


@dataclass(frozen=True)
class PendingMessage:
    """A message without a vector."""

    position: int
    role: str
    content: str
    created_at: datetime
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The text that is indexed for keywords."""
        return worded_message(self.content, self.name, self.created_at, self.metadata)


@dataclass(frozen=True)
class Piece:
    """A text to embed: a whole message, or one of its pieces, numbered from 0."""

    message: PendingMessage
    number: int
    text: str
    token_count: int


class MessageQueue:
    """The statements that a worker runs on the queue. Leases last `lease_s` seconds; `terms` finds terms of texts."""

    def __init__(self, database: Database, worker: str, lease_s: float, terms: StoredTerms | None = None) -> None:
        self._database = database
        self._terms = terms or StoredTerms()
        self._worker = worker
        self.lease_s = lease_s
        # The user of the last claimed conversation; the nil UUID before the first claim.
        self._turn = UUID(int=0)

    async def claim(self) -> MessageJob | None:
        """Claim a due conversation of the next user with a due one; None if no conversation is due."""
        lease = uuid4()
        row = await self._database.one(
            "message_jobs/claim", worker=self._worker, lease=lease, lease_s=self.lease_s, after=self._turn
        )
        if row is None:
            return None
        self._turn = row.turn
        return MessageJob(row.user_id, row.conversation_id, row.tries, row.interruptions, lease)

    async def next_due_s(self) -> float | None:
        """Seconds until the next job is due; negative if one is overdue, None if the queue is empty."""
        return await self._database.value("message_jobs/next_due")

    async def start(self, job: MessageJob) -> Start | None:
        """Returns the start of the work. If the conversation was deleted, drops the job and returns None."""
        row = await self._database.one("message_jobs/start", **_place(job))
        if row is None:
            await self.drop(job)
            return None
        return Start(row.position, Quota("tokens", row.tokens_used, row.tokens_allowed))

    async def pending(self, job: MessageJob, after: int) -> list[PendingMessage]:
        """The next batch of messages after a position."""
        rows = await self._database.many(
            "message_jobs/pending", **_place(job), after=after, max_bytes=_BYTES_AT_ONCE, max_rows=_MESSAGES_AT_ONCE
        )
        return [
            PendingMessage(row.position, row.role, row.content, row.created_at, row.name, row.metadata) for row in rows
        ]

    async def renew(self, job: MessageJob) -> None:
        """Renew the lease.

        Raises:
            LeaseLostError: another worker has claimed the conversation, or it was deleted.
        """
        if not await self._database.exec("message_jobs/renew", **_key(job), lease_s=self.lease_s):
            raise _lease_lost()

    async def store(self, job: MessageJob, pieces: Sequence[Piece], vectors: NDArray[np.float16]) -> None:
        """Store the vectors of pieces, shape (pieces, dimensions), and the terms of their messages, in one transaction.

        Raises:
            LeaseLostError: the lease of the job is lost.
            QuotaExceededError: the pieces would exceed the tokens that the user's plan allows.
        """
        bits = await asyncio.to_thread(signatures, vectors)
        rows = [_vector_row(job, piece, vectors[index], bits[index]) for index, piece in enumerate(pieces)]
        token_count = sum(piece.token_count for piece in pieces)
        messages = list({piece.message.position: piece.message for piece in pieces}.values())
        terms = await self._terms.of([message.words for message in messages], job.user_id, "message")
        term_rows = [
            _term_row(job, message, found) for message, found in zip(messages, terms, strict=True) if found is not None
        ]
        try:
            async with storing(self._database, self.lease_s, is_planned_once=True) as transaction:
                positions = [message.position for message in messages]
                if await transaction.value("message_jobs/keep", **_key(job), positions=positions) is None:
                    raise _lease_lost()
                await transaction.copy("message_jobs/write_vectors", rows)
                await transaction.copy("message_jobs/write_terms", term_rows)
                if not await transaction.exec(
                    "message_jobs/charge", **_key(job), lease_s=self.lease_s, token_count=token_count
                ):
                    raise _lease_lost()
            self._terms.grown.add((job.user_id, "message"))
        except ConstraintError as error:
            if broken_quota(error.constraint) and (start := await self.start(job)):
                raise start.tokens.exceeded(token_count) from None
            # The vectors are already stored, or the conversation was deleted.
            raise _lease_lost() from error

    async def finish(self, job: MessageJob, position: int) -> bool:
        """End the job after all messages up to `position` are done.

        Returns False if messages were appended meanwhile; the job is then due again.
        """
        async with storing(self._database, self.lease_s) as transaction:
            await transaction.exec("message_jobs/hold", **_place(job))
            if await transaction.exec("message_jobs/finish", **_key(job), position=position):
                return True
            await transaction.exec("message_jobs/release", **_key(job), delay_s=0, is_interrupted=False)
            return False

    async def drop(self, job: MessageJob) -> None:
        """Remove the job from the queue. Messages without vectors wait for the next message of the conversation."""
        await self._database.exec("message_jobs/drop", **_key(job))

    async def postpone(self, job: MessageJob, delay_s: float) -> None:
        """Return the job to the queue after a failed attempt, due again in `delay_s` seconds."""
        await self._database.exec("message_jobs/postpone", **_key(job), delay_s=delay_s)

    async def release(self, job: MessageJob, delay_s: float = 0, *, is_interrupted: bool = False) -> int:
        """Return the job to the queue, due again in `delay_s` seconds; no attempt has failed.

        Unless `is_interrupted`, this undoes the claim, even if another worker has claimed the job since then. Returns 0
        if the job is locked or gone, otherwise 1.
        """
        return await self._database.exec(
            "message_jobs/release", **_key(job), delay_s=delay_s, is_interrupted=is_interrupted
        )


def _lease_lost() -> LeaseLostError:
    return LeaseLostError("the conversation went to another worker, or is gone")


class _Place(TypedDict):
    user_id: UUID
    conversation_id: UUID


class _Key(_Place):
    lease: UUID


def _place(job: MessageJob) -> _Place:
    return {"user_id": job.user_id, "conversation_id": job.conversation_id}


def _key(job: MessageJob) -> _Key:
    return {**_place(job), "lease": job.lease}


def _vector_row(
    job: MessageJob, piece: Piece, vector: NDArray[np.float16], signature: bytes
) -> r.MessageJobsWriteVectors:
    message = piece.message
    return r.MessageJobsWriteVectors(
        user_id=job.user_id, conversation_id=job.conversation_id, position=message.position, piece=piece.number,
        role=message.role, created_at=message.created_at, embedding=vector, signature=signature,
    )  # fmt: skip


def _term_row(job: MessageJob, message: PendingMessage, terms: TextTerms) -> r.MessageJobsWriteTerms:
    return r.MessageJobsWriteTerms(
        user_id=job.user_id, conversation_id=job.conversation_id, position=message.position, role=message.role,
        created_at=message.created_at, keys=terms.keys, weights=terms.weights,
    )  # fmt: skip
