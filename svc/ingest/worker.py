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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from svc import metrics
from svc.backoff import backoff
from svc.database.notices import Notices
from svc.embedding.provider import EmbeddingProvider
from svc.errors import (
    CabinetError,
    ConnectionsBusyError,
    DatabaseUnavailableError,
    EmbeddingUnavailableError,
    LeaseLostError,
    RowsLockedError,
    UnavailableError,
)
from svc.ingest.chunk import TextChunk
from svc.ingest.file_bytes import MAX_PART_BYTES
from svc.ingest.formats import CHUNKS, FORMATS
from svc.ingest.given_chunks import read_chunks
from svc.ingest.job import GAVE_UP, Job
from svc.ingest.queue import Queue, QueuedUpload
from svc.ingest.sandbox import ParserSandbox
from svc.ingest.stored_files import check_readable
from svc.jobs.lease import Progress, claimed, leased, return_job
from svc.jobs.loop import pause_s
from svc.jobs.reports import LOCKED_PAUSE_S, Report, reported
from svc.log_context import LogContext, begin_log_context, end_log_context
from svc.settings.groups import WorkerSettings

logger = logging.getLogger(__name__)

# The progress that a document shows after parsing and after embedding; the rest is storing.
_PARSED = 0.1
_EMBEDDED = 0.9
_MAX_RETRY_S = 600.0


class _Read(NamedTuple):
    """The chunks of a document; `vectors` has a row for each, and those at the indexes `given` are the client's."""

    chunks: list[TextChunk]
    vectors: NDArray[np.float16]
    given: frozenset[int]
    warnings: list[str]


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
            await return_job(partial(self._queue.release, job))
            raise
        finally:
            end_log_context()
        return True

    async def wait(self) -> None:
        """Wait for a notification, until the next document is due, or for the poll interval."""
        await self._notices.wait(pause_s(await self._queue.next_due_s(), self._settings.worker_poll_s))

    async def _work(self, job: Job) -> None:
        started = time.perf_counter()
        outcome = await self._outcome(job)
        metrics.ingested_documents_total.labels(outcome).inc()
        logger.info(
            "document %s, attempt %d: %s after %.1f s",
            job.document_id,
            job.attempt,
            outcome,
            time.perf_counter() - started,
        )

    async def _outcome(self, job: Job) -> str:
        try:
            return await self._attempt(job)
        except CabinetError as error:
            outcome, report = self._ending(job, error)
        except Exception:
            # A bug, which the loop logs. Unreported, it would count as an interruption, which may be many.
            _, report = self._ending(job, UnavailableError("internal error; the worker's log has the details"))
            await reported(report, self._queue.lease_s)
            raise
        await reported(report, self._queue.lease_s)
        return outcome

    async def _attempt(self, job: Job) -> str:
        upload = await self._queue.start(job)
        if upload is None:
            return "dropped"
        if job.interruptions > self._settings.worker_max_interruptions:
            times = job.interruptions - 1
            raise CabinetError(f"{GAVE_UP} {times} attempts: each time the worker died or lost the database")
        await self._ingest(job, upload)
        return "ready"

    def _ending(self, job: Job, error: CabinetError) -> tuple[str, Report]:
        """The outcome of an attempt that raised `error`, and its report. A try is a failure of the document itself."""
        outcome = "error"
        report: Report = partial(self._queue.fail, job, error.detail)
        tries = job.tries + 1
        match error:
            case LeaseLostError():
                outcome, report = "lease lost", partial(self._queue.release, job)
            case RowsLockedError() | ConnectionsBusyError():
                outcome, report = "locked", partial(self._queue.release, job, LOCKED_PAUSE_S)
            case DatabaseUnavailableError():
                delay_s = backoff(job.interruptions, self._settings.worker_retry_s, _MAX_RETRY_S)
                outcome, report = "interrupted", partial(self._queue.release, job, delay_s, is_interrupted=True)
            case EmbeddingUnavailableError() if error.outage_s:
                # The endpoint answers no calls, which is not a failure of the document. It waits for half of the
                # outage's duration.
                delay_s = max(self._settings.worker_retry_s, error.outage_s / 2, error.retry_after_s or 0.0)
                reason = f"will be retried: {error.detail}"
                outcome = "postponed"
                report = partial(self._queue.postpone, job, min(delay_s, _MAX_RETRY_S), reason, is_failed=False)
            case UnavailableError() if tries < self._settings.worker_max_attempts:
                delay_s = max(backoff(tries, self._settings.worker_retry_s, _MAX_RETRY_S), error.retry_after_s or 0.0)
                reason = f"will be retried: {error.detail}"
                outcome, report = "postponed", partial(self._queue.postpone, job, min(delay_s, _MAX_RETRY_S), reason)
            case UnavailableError():
                report = partial(self._queue.fail, job, f"{GAVE_UP} {tries} attempts: {error.detail}")
        return outcome, report

    async def _ingest(self, job: Job, upload: QueuedUpload) -> None:
        progress = Progress()
        async with contextlib.AsyncExitStack() as storing:
            async with leased(partial(self._queue.heartbeat, job), self._queue.lease_s, progress):
                chunks, vectors, given, warnings = await _timed("parse", self._read(job, upload))
                progress.value = _PARSED
                # Checked early to save the cost of embedding; the statement that stores is authoritative.
                upload.chunks.check(len(chunks))
                new = await self._reuse(job, chunks, vectors, given)
                token_count = sum(chunks[index].token_count for index in new)
                upload.tokens.check(token_count)
                await _timed("embed", self._embed(chunks, new, vectors, progress))
                await storing.enter_async_context(self._storing)
            # No heartbeat from here on, since it would wait for the row that storing locks, and find the document
            # complete.
            await _timed("store", self._queue.store(job, chunks, vectors, token_count, warnings, given=given))
        metrics.ingested_chunks_total.inc(len(chunks))

    async def _read(self, job: Job, upload: QueuedUpload) -> _Read:
        """Read the chunks of a document, with the vectors that the client has given."""
        dimensions = self._provider.dimensions
        content = await self._content(job, upload)
        if upload.file_type == CHUNKS:
            return _Read(*await asyncio.to_thread(read_chunks, content, dimensions, self._settings.max_chunks), [])
        await check_readable(upload.file_type, upload.filename, content, images=self._settings.ocr)
        chunks, warnings = await self._sandbox.read(
            upload.file_type, content, job.user_id, upload.sizes, charset=upload.charset
        )
        return _Read(chunks, np.empty((len(chunks), dimensions), dtype=np.float16), frozenset(), warnings)

    async def _content(self, job: Job, upload: QueuedUpload) -> bytes:
        """The bytes of a file, or only the beginning if its type cannot be read."""
        if upload.content:
            return upload.content
        if upload.file_type != CHUNKS and upload.file_type not in FORMATS:
            return await self._queue.content(job, upload.content_id, min(upload.file_size, MAX_PART_BYTES))
        self._sandbox.check_size(upload.file_size)
        return await self._queue.content(job, upload.content_id, upload.file_size)

    async def _reuse(
        self, job: Job, chunks: list[TextChunk], vectors: NDArray[np.float16], given: frozenset[int]
    ) -> list[int]:
        """Fill in the vectors that are already stored; return the indexes of the chunks that must be embedded."""
        if not self._settings.reuse_embeddings:
            return [index for index in range(len(chunks)) if index not in given]
        new: list[int] = await _timed("reuse", self._queue.reuse_vectors(job, chunks, vectors, given))
        reused = len(chunks) - len(given) - len(new)
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
            vectors[indexes] = await self._provider.embed([chunks[index].indexed for index in indexes])
            progress.value = _PARSED + (_EMBEDDED - _PARSED) * min(1.0, (first + size) / len(new))


async def _timed(stage: str, work: Awaitable[Any]) -> Any:
    started = time.perf_counter()
    try:
        return await work
    finally:
        metrics.ingestion_seconds.labels(stage).observe(time.perf_counter() - started)
