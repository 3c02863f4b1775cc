"""The worker: claims documents, reads, splits and embeds them, stores what came out.

Several run in one process (`CABINET_WORKER_CONCURRENCY`) and any number of processes on one database. No database
connection is held while a document is parsed or embedded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svc import metrics
from svc.database.notices import Notices
from svc.database.own_indexes import keep_indexes
from svc.database.queries import Database
from svc.embedding.provider import EmbeddingProvider
from svc.errors import (
    CabinetError,
    DocumentRejectedError,
    EmbeddingRefusedError,
    LeaseLostError,
    UnavailableError,
)
from svc.ingest.chunk import Chunk
from svc.ingest.queue import Job, Queue, Upload
from svc.ingest.sandbox import ParserSandbox
from svc.settings import Settings

logger = logging.getLogger(__name__)

NOTICE_CHANNEL = "cabinet_ingestion"
# Shares of the progress that a document shows: parsed, then embedded; the rest is storing.
_PARSED = 0.1
_EMBEDDED = 0.9
_MAX_RETRY_S = 600.0
# Seconds between two looks at the progress, which is shown when it has changed.
_LOOK_S = 0.5


class Worker:
    """Ingests documents until it is stopped."""

    def __init__(
        self,
        settings: Settings,
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
        # Storing is the only step that holds a connection for long: leave half the pool to the requests.
        self._storing = asyncio.Semaphore(max(1, settings.pool_size // 2))
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_running(self) -> bool:
        """Whether every loop is alive."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def start(self) -> None:
        """Start the loops, `worker_concurrency` of them."""
        count = self._settings.worker_concurrency
        self._tasks = [asyncio.create_task(self._loop(), name=f"ingestion-{number}") for number in range(count)]

    async def stop(self) -> None:
        """Stop the loops; what they were doing is given back to the queue."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _loop(self) -> None:
        failures = 0
        while True:
            try:
                job = await self._queue.claim()
                if job is None:
                    await self._notices.wait(await self._sleep_s())
                else:
                    await self._work(job)
                failures = 0
            except UnavailableError as error:
                failures += 1
                logger.warning("the worker waits for the database: %s", error.detail)
                await asyncio.sleep(min(30.0, 0.5 * 2**failures) * random.uniform(0.5, 1))  # noqa: S311  jitter
            except Exception:
                # A fault of ours must cost one job its attempt, not the process its worker.
                failures += 1
                logger.exception("the worker met an error of its own and goes on")
                await asyncio.sleep(min(30.0, 0.5 * 2**failures))

    async def _sleep_s(self) -> float:
        due_s = await self._queue.next_due_s()
        return (
            min(self._settings.worker_poll_s, max(0.01, due_s)) if due_s is not None else self._settings.worker_poll_s
        )

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

    async def _outcome(self, job: Job, upload: Upload) -> str:
        if job.tries > self._settings.worker_max_attempts:
            await self._queue.fail(
                job,
                f"gave up after {job.tries - 1} attempts: each time the worker died or lost its lease before the end",
            )
            return "error"
        try:
            await self._ingest(job, upload)
        except asyncio.CancelledError:
            await self._queue.release(job)
            raise
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
        delay_s = max(self._settings.worker_retry_s * 2 ** (job.tries - 1), error.retry_after_s or 0.0)
        await self._queue.postpone(job, min(delay_s, _MAX_RETRY_S), f"to be tried again: {error.detail}")
        return "postponed"

    async def _ingest(self, job: Job, upload: Upload) -> None:
        progress = _Progress()
        async with contextlib.AsyncExitStack() as place:
            async with _leased(self._queue, job, progress):
                chunks = await _timed("parse", self._sandbox.chunks(upload.file_type, upload.content))
                progress.value = _PARSED
                vectors = np.empty((len(chunks), self._provider.dimensions), dtype=np.float16)
                new = await self._reuse(job, chunks, vectors)
                await _timed("embed", self._embed(chunks, new, vectors, progress))
                await place.enter_async_context(self._storing)
            # No heartbeat from here on: it would wait for the row that storing holds, and find the document done.
            await _timed("store", self._queue.store(job, chunks, vectors))
        metrics.ingested_chunks_total.inc(len(chunks))

    async def _reuse(self, job: Job, chunks: list[Chunk], vectors: NDArray[np.float16]) -> list[int]:
        """Fill in the vectors that are stored already; the indexes of the chunks that are to be embedded."""
        if not self._settings.reuse_embeddings:
            return list(range(len(chunks)))
        new: list[int] = await _timed("reuse", self._queue.reuse_vectors(job, chunks, vectors))
        reused = len(chunks) - len(new)
        if reused:
            metrics.reused_vectors_total.inc(reused)
            logger.info(
                "document %s: %d of %d chunks have the text and so the vector of one that is stored already",
                job.document_id,
                reused,
                len(chunks),
            )
        return new

    async def _embed(
        self, chunks: list[Chunk], new: list[int], vectors: NDArray[np.float16], progress: _Progress
    ) -> None:
        """Fill in the vectors of the chunks at the indexes `new`."""
        # As many texts as fill the provider's calls at once; less would leave a lone document's calls to wait in turn.
        size = self._settings.embedding_batch_size * self._settings.embedding_concurrency
        for first in range(0, len(new), size):
            indexes = new[first : first + size]
            vectors[indexes] = await self._provider.embed([chunks[index].content for index in indexes])
            progress.value = _PARSED + (_EMBEDDED - _PARSED) * min(1.0, (first + size) / len(new))


class _Progress:
    """How far an ingestion is, 0 to 1; written by its steps, read by its heartbeat."""

    value: float = 0.0


@asynccontextmanager
async def _leased(queue: Queue, job: Job, progress: _Progress) -> AsyncIterator[None]:
    """Keep the lease while the block runs; when it is lost, the block is cancelled with `LeaseLostError`."""
    try:
        async with asyncio.TaskGroup() as group:
            heart = group.create_task(_beat(queue, job, progress))
            yield
            heart.cancel()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


async def _beat(queue: Queue, job: Job, progress: _Progress) -> None:
    shown = -1.0
    last = time.monotonic()
    while True:
        # Often enough for people to see progress, but only a third of the lease apart when there is none.
        await asyncio.sleep(min(_LOOK_S, queue.lease_s / 3))
        if progress.value != shown or time.monotonic() - last >= queue.lease_s / 3:
            try:
                await queue.heartbeat(job, progress.value)
            except UnavailableError as error:
                logger.warning("a heartbeat was missed: %s", error.detail)
                continue
            shown, last = progress.value, time.monotonic()


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _timed(stage: str, work: Awaitable[Any]) -> Any:
    started = time.perf_counter()
    try:
        return await work
    finally:
        metrics.ingestion_seconds.labels(stage).observe(time.perf_counter() - started)


async def _keep_indexes(settings: Settings, database: Database, url: str) -> None:
    if settings.index_check_s:
        await keep_indexes(
            database, url, settings.index_min_rows, settings.index_check_s,
            max_count=settings.index_max_count, memory_mb=settings.index_memory_mb,
        )  # fmt: skip


@asynccontextmanager
async def running_worker(
    settings: Settings, url: str, database: Database, provider: EmbeddingProvider
) -> AsyncIterator[Worker]:
    """A worker on the database at `url`, stopped after the block."""
    queue = Queue(database, f"{socket.gethostname()}:{os.getpid()}", settings.worker_lease_s)
    sandbox = ParserSandbox(settings)
    notices = Notices(url, NOTICE_CHANNEL)
    notices.start()
    worker = Worker(settings, queue, provider, sandbox, notices)
    worker.start()
    keeper = asyncio.create_task(_keep_indexes(settings, database, url), name="indexes")
    try:
        yield worker
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await worker.stop()
        await notices.stop()
        await sandbox.close()
