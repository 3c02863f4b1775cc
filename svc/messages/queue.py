"""The queue of conversations whose messages are to be embedded: `sql/message_jobs/`. Claims are leased and fenced.

A job stands for all messages of a conversation that have no vector yet. Each claim makes up a lease, which every later
statement names; so a worker whose lease ran out changes nothing any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from svc.access.quotas import Quota, broken_quota
from svc.database import rows as r
from svc.database.failures import ConstraintError
from svc.database.queries import Database
from svc.errors import LeaseLostError
from svc.vectors.signatures import signatures

# What one batch reads: enough for the provider's calls at once, and little to lose when the worker dies.
_MESSAGES_AT_ONCE = 256
_BYTES_AT_ONCE = 2**20


@dataclass(frozen=True)
class MessageJob:
    """A claimed conversation. `lease` fences; `tries` are the claims since the last one that succeeded."""

    user_id: UUID
    conversation_id: UUID
    tries: int
    lease: UUID


@dataclass(frozen=True)
class Start:
    """Where the work on a conversation begins: the last position that has a vector, and the user's tokens."""

    position: int
    tokens: Quota


@dataclass(frozen=True)
class PendingMessage:
    """A message without a vector."""

    position: int
    role: str
    content: str
    created_at: datetime


@dataclass(frozen=True)
class Piece:
    """What is embedded of a message: all of it, or one of several pieces, numbered from 0."""

    message: PendingMessage
    number: int
    text: str
    token_count: int


class MessageQueue:
    """The statements of a worker, for leases of `lease_s` seconds."""

    def __init__(self, database: Database, worker: str, lease_s: float) -> None:
        self._database = database
        self._worker = worker
        self.lease_s = lease_s
        # The user whose turn it was last; nil before the first claim.
        self._turn = UUID(int=0)

    async def claim(self) -> MessageJob | None:
        """A conversation that is due, each time of the next user who has one, or None."""
        lease = uuid4()
        row = await self._database.one(
            "message_jobs/claim", worker=self._worker, lease=lease, lease_s=self.lease_s, after=self._turn
        )
        if row is None:
            return None
        self._turn = row.turn
        return MessageJob(row.user_id, row.conversation_id, row.tries, lease)

    async def next_due_s(self) -> float | None:
        """Seconds until a job is due; negative when one is overdue, None when there is none."""
        return await self._database.value("message_jobs/next_due")

    async def start(self, job: MessageJob) -> Start | None:
        """Where to begin, or None where the conversation is gone; the job is dropped then."""
        row = await self._database.one("message_jobs/start", **_place(job))
        if row is None:
            await self.drop(job)
            return None
        return Start(row.position, Quota("tokens", row.tokens_used, row.tokens_allowed))

    async def pending(self, job: MessageJob, after: int) -> list[PendingMessage]:
        """The next messages after a position, as many as are embedded at once."""
        rows = await self._database.many(
            "message_jobs/pending", **_place(job), after=after, max_bytes=_BYTES_AT_ONCE, max_rows=_MESSAGES_AT_ONCE
        )
        return [PendingMessage(row.position, row.role, row.content, row.created_at) for row in rows]

    async def renew(self, job: MessageJob) -> None:
        """Renew the lease.

        Raises:
            LeaseLostError: another worker has the conversation, or it is gone.
        """
        if not await self._database.exec("message_jobs/renew", **_key(job), lease_s=self.lease_s):
            raise _lease_lost()

    async def store(self, job: MessageJob, pieces: Sequence[Piece], vectors: NDArray[np.float16]) -> None:
        """Store the vectors of pieces, one row each, shape (pieces, dimensions), or nothing.

        Raises:
            LeaseLostError: the job no longer holds the conversation.
            QuotaExceededError: with them the user would have used more tokens than their plan allows.
        """
        marks = await asyncio.to_thread(signatures, vectors)
        rows = [_vector_row(job, piece, vectors[index], marks[index]) for index, piece in enumerate(pieces)]
        token_count = sum(piece.token_count for piece in pieces)
        try:
            async with self._database.transaction() as transaction:
                await transaction.copy("message_jobs/write_vectors", rows)
                if not await transaction.exec(
                    "message_jobs/charge", **_key(job), lease_s=self.lease_s, token_count=token_count
                ):
                    raise _lease_lost()
        except ConstraintError as error:
            if broken_quota(error.constraint) and (start := await self.start(job)):
                raise start.tokens.exceeded(token_count) from None
            # They are there already, or the conversation is not.
            raise _lease_lost() from error

    async def finish(self, job: MessageJob, position: int) -> bool:
        """End the job after everything up to a position is done; False: more came meanwhile, it is due again."""
        async with self._database.transaction() as transaction:
            await transaction.exec("message_jobs/hold", **_place(job))
            if await transaction.exec("message_jobs/finish", **_key(job), position=position):
                return True
            await transaction.exec("message_jobs/release", **_key(job))
            return False

    async def drop(self, job: MessageJob) -> None:
        """Take the job off the queue; what has no vector yet waits for the next message of the conversation."""
        await self._database.exec("message_jobs/drop", **_key(job))

    async def postpone(self, job: MessageJob, delay_s: float) -> None:
        """Give the job back, due again in `delay_s` seconds."""
        await self._database.exec("message_jobs/postpone", **_key(job), delay_s=delay_s)

    async def release(self, job: MessageJob) -> None:
        """Give the job back as if it had not been claimed, because this worker is told to stop."""
        await self._database.exec("message_jobs/release", **_key(job))


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
