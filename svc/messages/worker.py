"""Embeds messages after they were appended, so that they can be found by meaning.

It looks when this process has appended something, and every `CABINET_WORKER_POLL_S` for what others have. There is no
notice to all processes: sessions that notify commit one after the other, which many uploads never feel but many chats
would. No database connection is held while messages are embedded.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from svc import metrics
from svc.access.quotas import Quota
from svc.backoff import backoff
from svc.embedding.provider import EmbeddingProvider
from svc.errors import (
    DocumentRejectedError,
    EmbeddingRefusedError,
    LeaseLostError,
    QuotaExceededError,
    UnavailableError,
)
from svc.ingest.sandbox import ParserSandbox
from svc.ingest.tokens import COUNTED_AT_ONCE, count_tokens
from svc.jobs.lease import Progress, leased
from svc.jobs.loop import pause_s
from svc.messages.queue import MessageJob, MessageQueue, PendingMessage, Piece
from svc.settings.groups import WorkerSettings

logger = logging.getLogger(__name__)

_MAX_RETRY_S = 600.0
# Messages that the provider may refuse one after the other before it is taken to refuse everything.
_REFUSED_AT_FIRST = 5


class MessageWorker:
    """Embeds the messages of one conversation after the other."""

    def __init__(
        self, settings: WorkerSettings, queue: MessageQueue, provider: EmbeddingProvider, sandbox: ParserSandbox
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._provider = provider
        self._sandbox = sandbox
        self._appended = asyncio.Event()

    def wake(self) -> None:
        """Look at the queue now."""
        self._appended.set()

    async def wait(self) -> None:
        """Return when it is time to look at the queue again."""
        pause = pause_s(await self._queue.next_due_s(), self._settings.worker_poll_s)
        try:
            async with asyncio.timeout(pause):
                await self._appended.wait()
        except TimeoutError:
            return
        self._appended.clear()

    async def work_once(self) -> bool:
        """Embed the messages of one conversation; False: none waits."""
        job = await self._queue.claim()
        if job is None:
            return False
        try:
            await self._embed_conversation(job)
        except asyncio.CancelledError:
            await self._queue.release(job)
            raise
        except LeaseLostError:
            logger.info("the messages of conversation %s went to another worker", job.conversation_id)
        except UnavailableError as error:
            await self._try_later(job, error.detail, error.retry_after_s)
        except EmbeddingRefusedError as error:
            await self._give_up_or_try_later(job, error.detail)
        except QuotaExceededError as error:
            # Until the month ends or the plan is changed, which a look now and then finds out.
            logger.info("messages of conversation %s wait to be embedded: %s", job.conversation_id, error.detail)
            await self._queue.postpone(job, _MAX_RETRY_S)
        return True

    async def _give_up_or_try_later(self, job: MessageJob, reason: str) -> None:
        if job.tries < self._settings.worker_max_attempts:
            await self._try_later(job, reason, None)
            return
        logger.warning("messages of conversation %s stay without vectors: %s", job.conversation_id, reason)
        await self._queue.drop(job)

    async def _try_later(self, job: MessageJob, reason: str, retry_after_s: float | None) -> None:
        delay_s = max(backoff(job.tries, self._settings.worker_retry_s, _MAX_RETRY_S), retry_after_s or 0.0)
        logger.warning("messages of conversation %s are to be embedded later: %s", job.conversation_id, reason)
        await self._queue.postpone(job, min(delay_s, _MAX_RETRY_S))

    async def _embed_conversation(self, job: MessageJob) -> None:
        start = await self._queue.start(job)
        if start is None:
            return
        position, tokens = start.position, start.tokens
        async with leased(partial(self._heartbeat, job), self._queue.lease_s, Progress()):
            while messages := await self._queue.pending(job, position):
                tokens = await self._embed_messages(job, messages, tokens)
                position = messages[-1].position
        # Without a heartbeat, which would find the job done.
        await self._queue.finish(job, position)

    async def _heartbeat(self, job: MessageJob, _progress: float) -> None:
        await self._queue.renew(job)

    async def _embed_messages(self, job: MessageJob, messages: Sequence[PendingMessage], tokens: Quota) -> Quota:
        """Embed and store messages; what is used of the user's tokens afterwards."""
        pieces = [piece for message in messages for piece in await self._pieces(message)]
        if not pieces:
            return tokens
        tokens.check(sum(piece.token_count for piece in pieces))
        embedded, vectors = await self._vectors(pieces)
        await self._queue.store(job, embedded, vectors)
        metrics.embedded_messages_total.inc(len({piece.message.position for piece in embedded}))
        return replace(tokens, used=tokens.used + sum(piece.token_count for piece in embedded))

    async def _pieces(self, message: PendingMessage) -> list[Piece]:
        """What is embedded of a message: all of it, or where it has more tokens than a chunk, its chunks."""
        content = message.content
        if not content.strip():
            return []
        # A longer one is split without counting it first.
        if len(content) <= COUNTED_AT_ONCE and (tokens := count_tokens(content)) <= self._settings.chunk_tokens:
            return [Piece(message, 0, content, tokens)]
        try:
            chunks = await self._sandbox.chunks("text", content.encode())
        except DocumentRejectedError as error:
            logger.warning("message %d stays without a vector: %s", message.position, error.detail)
            return []
        return [Piece(message, number, chunk.content, chunk.token_count) for number, chunk in enumerate(chunks)]

    async def _vectors(self, pieces: Sequence[Piece]) -> tuple[Sequence[Piece], NDArray[np.float16]]:
        """The vectors of pieces; where the provider refuses a text, of the messages but those that it refuses.

        Raises:
            EmbeddingRefusedError: it refuses all of them.
        """
        try:
            return pieces, await self._embedded(pieces)
        except EmbeddingRefusedError as error:
            refusal = error
        kept: list[Piece] = []
        vectors: list[NDArray[np.float16]] = []
        refused = 0
        for position, group in itertools.groupby(pieces, key=lambda piece: piece.message.position):
            of_message = list(group)
            try:
                vectors.append(await self._embedded(of_message))
                kept += of_message
            except EmbeddingRefusedError as error:
                logger.warning("message %d stays without a vector: %s", position, error.detail)
                refused += 1
                if refused >= _REFUSED_AT_FIRST and not kept:
                    break
        if not kept:
            raise refusal
        return kept, np.concatenate(vectors)

    async def _embedded(self, pieces: Sequence[Piece]) -> NDArray[np.float16]:
        return (await self._provider.embed([piece.text for piece in pieces])).astype(np.float16)
