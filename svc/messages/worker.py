"""Embeds messages after they are appended, so that searches by meaning find them.

The worker checks the queue when this process has appended messages, and every `CABINET_WORKER_POLL_S` for those that
other processes have appended. Processes do not notify each other: transactions that use NOTIFY commit one at a time,
which would slow down many concurrent chats. No database connection is held while messages are embedded.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from svc import metrics
from svc.access.quotas import Quota
from svc.backoff import backoff
from svc.embedding.provider import EmbeddingProvider
from svc.errors import (
    ConnectionsBusyError,
    DatabaseUnavailableError,
    DocumentRejectedError,
    EmbeddingRefusedError,
    EmbeddingUnavailableError,
    LeaseLostError,
    QuotaExceededError,
    RowsLockedError,
    UnavailableError,
)
from svc.ingest.sandbox import ParserSandbox
from svc.ingest.tokens import COUNTED_AT_ONCE, count_tokens
from svc.jobs.lease import Progress, claimed, leased, return_job
from svc.jobs.loop import pause_s
from svc.jobs.reports import LOCKED_PAUSE_S, Report, reported
from svc.log_context import LogContext, begin_log_context, end_log_context
from svc.messages.queue import MessageJob, MessageQueue, PendingMessage, Piece
from svc.settings.groups import WorkerSettings

logger = logging.getLogger(__name__)

_MAX_RETRY_S = 600.0
# If the provider refuses this many messages before it accepts one, it is assumed to refuse all of them.
_REFUSED_AT_FIRST = 5


class MessageWorker:
    """Embeds the messages of one conversation after another."""

    def __init__(
        self, settings: WorkerSettings, queue: MessageQueue, provider: EmbeddingProvider, sandbox: ParserSandbox
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._provider = provider
        self._sandbox = sandbox
        self._appended = asyncio.Event()

    def wake(self) -> None:
        """Check the queue now."""
        self._appended.set()

    async def wait(self) -> None:
        """Wait until it is time to check the queue again."""
        pause = pause_s(await self._queue.next_due_s(), self._settings.worker_poll_s)
        try:
            async with asyncio.timeout(pause):
                await self._appended.wait()
        except TimeoutError:
            return
        self._appended.clear()

    async def work_once(self) -> bool:
        """Embed the messages of one conversation. Returns False if none is due."""
        job = await claimed(self._queue.claim(), self._queue.release)
        if job is None:
            return False
        begin_log_context(LogContext(user_id=job.user_id))
        try:
            await self._embed_conversation(job)
        except asyncio.CancelledError:
            await return_job(partial(self._queue.release, job))
            raise
        except LeaseLostError:
            logger.info("another worker has claimed conversation %s, or it was deleted", job.conversation_id)
            await self._report(partial(self._queue.release, job))
        except (RowsLockedError, ConnectionsBusyError):
            await self._report(partial(self._queue.release, job, LOCKED_PAUSE_S))
        except DatabaseUnavailableError:
            delay_s = backoff(job.interruptions, self._settings.worker_retry_s, _MAX_RETRY_S)
            await self._report(partial(self._queue.release, job, delay_s, is_interrupted=True))
        except EmbeddingUnavailableError as error:
            await self._wait_out(job, error)
        except UnavailableError as error:
            await self._try_later(job, error.detail, error.retry_after_s)
        except EmbeddingRefusedError as error:
            await self._give_up_or_try_later(job, error.detail)
        except QuotaExceededError as error:
            # Retried at long intervals, because the month may end or the plan may change.
            logger.info("messages of conversation %s are not embedded for now: %s", job.conversation_id, error.detail)
            await self._report(partial(self._queue.postpone, job, _MAX_RETRY_S))
        except Exception:
            # A bug, which the loop logs. Unreported, it would count as an interruption.
            await self._give_up_or_try_later(job, "internal error")
            raise
        finally:
            end_log_context()
        return True

    async def _give_up_or_try_later(self, job: MessageJob, reason: str) -> None:
        if job.tries + 1 < self._settings.worker_max_attempts:
            await self._try_later(job, reason, None)
        else:
            await self._give_up(job, reason)

    async def _give_up(self, job: MessageJob, reason: str) -> None:
        logger.warning("messages of conversation %s remain without vectors: %s", job.conversation_id, reason)
        await self._report(partial(self._queue.drop, job))

    async def _try_later(self, job: MessageJob, reason: str, retry_after_s: float | None) -> None:
        delay_s = max(backoff(job.tries + 1, self._settings.worker_retry_s, _MAX_RETRY_S), retry_after_s or 0.0)
        logger.warning("messages of conversation %s will be embedded later: %s", job.conversation_id, reason)
        await self._report(partial(self._queue.postpone, job, min(delay_s, _MAX_RETRY_S)))

    async def _wait_out(self, job: MessageJob, error: EmbeddingUnavailableError) -> None:
        """Return a job to the queue after the endpoint did not answer. An outage is not a failed attempt."""
        if not error.outage_s:
            await self._try_later(job, error.detail, error.retry_after_s)
            return
        logger.warning("messages of conversation %s wait for the endpoint: %s", job.conversation_id, error.detail)
        delay_s = max(self._settings.worker_retry_s, error.outage_s / 2, error.retry_after_s or 0.0)
        await self._report(partial(self._queue.release, job, min(delay_s, _MAX_RETRY_S)))

    async def _report(self, report: Report) -> None:
        await reported(report, self._queue.lease_s)

    async def _embed_conversation(self, job: MessageJob) -> None:
        if job.interruptions > self._settings.worker_max_interruptions:
            await self._give_up(job, f"the worker died or lost the database {job.interruptions - 1} times")
            return
        start = await self._queue.start(job)
        if start is None:
            return
        position, tokens = start.position, start.tokens
        async with leased(partial(self._heartbeat, job), self._queue.lease_s, Progress()):
            while messages := await self._queue.pending(job, position):
                tokens = await self._embed_messages(job, messages, tokens)
                position = messages[-1].position
        # After the last heartbeat, which would not find the finished job.
        await self._queue.finish(job, position)

    async def _heartbeat(self, job: MessageJob, _progress: float) -> None:
        await self._queue.renew(job)

    async def _embed_messages(self, job: MessageJob, messages: Sequence[PendingMessage], tokens: Quota) -> Quota:
        """Embed and store messages. Returns the user's quota of tokens afterwards."""
        pieces = [piece for message in messages for piece in await self._pieces(message, job.user_id)]
        if not pieces:
            return tokens
        tokens.check(sum(piece.token_count for piece in pieces))
        embedded, vectors = await self._vectors(pieces)
        await self._queue.store(job, embedded, vectors)
        metrics.embedded_messages_total.inc(len({piece.message.position for piece in embedded}))
        return replace(tokens, used=tokens.used + sum(piece.token_count for piece in embedded))

    async def _pieces(self, message: PendingMessage, user_id: UUID) -> list[Piece]:
        """Returns the texts to embed: the whole message, or its chunks if it has more tokens than a chunk may have."""
        content = message.content
        if not content.strip():
            return []
        # A longer message is split without counting its tokens first.
        if len(content) <= COUNTED_AT_ONCE and (tokens := count_tokens(content)) <= self._settings.chunk_tokens:
            return [Piece(message, 0, content, tokens)]
        try:
            chunks = await self._sandbox.chunks("text", content.encode(), user_id)
        except DocumentRejectedError as error:
            logger.warning("message %d remains without a vector: %s", message.position, error.detail)
            return []
        return [Piece(message, number, chunk.content, chunk.token_count) for number, chunk in enumerate(chunks)]

    async def _vectors(self, pieces: Sequence[Piece]) -> tuple[Sequence[Piece], NDArray[np.float16]]:
        """Returns the pieces that were embedded, and their vectors; messages that the provider rejects are omitted.

        Raises:
            EmbeddingRefusedError: the provider refuses all of them.
        """
        try:
            return pieces, await self._embedded(pieces)
        except EmbeddingRefusedError as error:
            refusal = error
        kept: list[Piece] = []
        vectors: list[NDArray[np.float16]] = []
        refused = 0
        for position, group in itertools.groupby(pieces, key=lambda piece: piece.message.position):
            message_pieces = list(group)
            try:
                vectors.append(await self._embedded(message_pieces))
                kept += message_pieces
            except EmbeddingRefusedError as error:
                logger.warning("message %d remains without a vector: %s", position, error.detail)
                refused += 1
                if refused >= _REFUSED_AT_FIRST and not kept:
                    break
        if not kept:
            raise refusal
        return kept, np.concatenate(vectors)

    async def _embedded(self, pieces: Sequence[Piece]) -> NDArray[np.float16]:
        return (await self._provider.embed([piece.text for piece in pieces])).astype(np.float16)
