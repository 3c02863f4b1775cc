"""The document worker: claims documents, parses, splits and embeds them, and stores the chunks.

A process runs several loops of it (`CABINET_WORKER_CONCURRENCY`), and any number of processes can work on one database.
No database connection is held while a document is parsed or embedded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svc import metrics
from svc.backoff import backoff
from svc.database.notices import Notices
from svc.embedding.provider import EmbeddingProvider
from svc.errors import (
    CabinetError,
    DocumentRejectedError,
    EmbeddingRefusedError,
    LeaseLostError,
    UnavailableError,
)
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Job, Queue, QueuedUpload
from svc.ingest.sandbox import ParserSandbox
from svc.jobs.lease import Progress, claimed, leased, return_job
from svc.jobs.loop import pause_s
from svc.log_context import LogContext, begin_log_context, end_log_context
from svc.settings.groups import WorkerSettings

logger = logging.getLogger(__name__)

# The progress that a document shows after parsing and after embedding; the rest is storing.
_PARSED = 0.1
_EMBEDDED = 0.9
_MAX_RETRY_S = 600.0


class DocumentWorker:
    """Ingests one document after another. All loops of a process share one object."""

    def __init__(
        self,
        settings: WorkerSettings,
        queue: Queue,
        provider: EmbeddingProvider,
        sandbox: ParserSandbox,
        notices: Notices,
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._provider = provider
        self._sandbox = sandbox
        self._notices = notices
        # Storing is the only step that holds a connection for long. Requests keep half of the pool.
        self._storing = asyncio.Semaphore(max(1, settings.pool_size // 2))

    async def work_once(self) -> bool:
        """Claim a document and ingest it. Returns False if none is due."""
        job = await claimed(self._queue.claim(), self._queue.release)
        if job is None:
            return False
        begin_log_context(LogContext(user_id=job.user_id, document_id=job.document_id))
        try:
            await self._work(job)
        except asyncio.CancelledError:
            await return_job(self._queue.release(job))
            raise
        finally:
            end_log_context()
        return True

    async def wait(self) -> None:
        """Wait for a notification, until the next document is due, or for the poll interval."""
        await self._notices.wait(pause_s(await self._queue.next_due_s(), self._settings.worker_poll_s))

    async def _work(self, job: Job) -> None:
        upload = await self._queue.start(job)
        if upload is None:
            return
        started = time.perf_counter()
        outcome = await self._outcome(job, upload)
        metrics.ingested_documents_total.labels(outcome).inc()
        logger.info(
            "document %s, attempt %d: %s after %.1f s",
            job.document_id,
            job.attempt,
            outcome,
            time.perf_counter() - started,
        )

    async def _outcome(self, job: Job, upload: QueuedUpload) -> str:
        if job.tries > self._settings.worker_max_attempts:
            await self._queue.fail(
                job,
                f"gave up after {job.tries - 1} attempts: each time the worker died or lost its lease",
            )
            return "error"
        try:
            await self._ingest(job, upload)
        except LeaseLostError:
            return "lease lost"
        except (DocumentRejectedError, EmbeddingRefusedError) as error:
            await self._queue.fail(job, error.detail)
            return "error"
        except UnavailableError as error:
            return await self._try_later(job, error)
        except CabinetError as error:
            await self._queue.fail(job, error.detail)
            return "error"
        return "ready"

    async def _try_later(self, job: Job, error: UnavailableError) -> str:
        if job.tries >= self._settings.worker_max_attempts:
            await self._queue.fail(job, f"gave up after {job.tries} attempts: {error.detail}")
            return "error"
        delay_s = max(backoff(job.tries, self._settings.worker_retry_s, _MAX_RETRY_S), error.retry_after_s or 0.0)
        await self._queue.postpone(job, min(delay_s, _MAX_RETRY_S), f"will be retried: {error.detail}")
        return "postponed"

    async def _ingest(self, job: Job, upload: QueuedUpload) -> None:
        progress = Progress()
        async with contextlib.AsyncExitStack() as storing:
            async with leased(partial(self._queue.heartbeat, job), self._queue.lease_s, progress):
                chunks = await _timed("parse", self._sandbox.chunks(upload.file_type, upload.content))
                progress.value = _PARSED
                # Checked early to save the cost of embedding; the statement that stores is authoritative.
                upload.chunks.check(len(chunks))
                vectors = np.empty((len(chunks), self._provider.dimensions), dtype=np.float16)
                new = await self._reuse(job, chunks, vectors)
                token_count = sum(chunks[index].token_count for index in new)
                upload.tokens.check(token_count)
                await _timed("embed", self._embed(chunks, new, vectors, progress))
                await storing.enter_async_context(self._storing)
            # No heartbeat from here on: it would wait for the row that storing locks, and find the document done.
            await _timed("store", self._queue.store(job, chunks, vectors, token_count))
        metrics.ingested_chunks_total.inc(len(chunks))

    async def _reuse(self, job: Job, chunks: list[TextChunk], vectors: NDArray[np.float16]) -> list[int]:
        """Fill in the vectors that are already stored; return the indexes of the chunks that must be embedded."""
        if not self._settings.reuse_embeddings:
            return list(range(len(chunks)))
        new: list[int] = await _timed("reuse", self._queue.reuse_vectors(job, chunks, vectors))
        reused = len(chunks) - len(new)
        if reused:
            metrics.reused_vectors_total.inc(reused)
            logger.info(
                "document %s: reused the stored vectors of %d of %d chunks",
                job.document_id,
                reused,
                len(chunks),
            )
        return new

    async def _embed(
        self, chunks: list[TextChunk], new: list[int], vectors: NDArray[np.float16], progress: Progress
    ) -> None:
        """Fill in the vectors of the chunks at the indexes `new`."""
        # Enough texts for all concurrent calls of the provider, so that a single document uses all of them.
        size = self._settings.embedding_batch_size * self._settings.embedding_concurrency
        for first in range(0, len(new), size):
            indexes = new[first : first + size]
            vectors[indexes] = await self._provider.embed([chunks[index].content for index in indexes])
            progress.value = _PARSED + (_EMBEDDED - _PARSED) * min(1.0, (first + size) / len(new))


async def _timed(stage: str, work: Awaitable[Any]) -> Any:
    started = time.perf_counter()
    try:
        return await work
    finally:
        metrics.ingestion_seconds.labels(stage).observe(time.perf_counter() - started)
