"""The worker of one process: the loops that ingest documents and embed messages, and the keepers beside them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from svc.database.notices import Notices
from svc.database.queries import Database
from svc.embedding.provider import EmbeddingProvider
from svc.ingest.queue import Queue
from svc.ingest.sandbox import ParserSandbox
from svc.ingest.worker import DocumentWorker
from svc.jobs.loop import keep_working
from svc.jobs.sweep import keep_sweeping
from svc.messages.queue import MessageQueue
from svc.messages.worker import MessageWorker
from svc.search.own_indexes import check_owner, keep_indexes
from svc.settings import Settings

NOTICE_CHANNEL = "cabinet_ingestion"


class Worker:
    """The loops of one process, until they are stopped."""

    def __init__(self, settings: Settings, documents: DocumentWorker, messages: MessageWorker | None) -> None:
        self._settings = settings
        self._documents = documents
        self._messages = messages
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_running(self) -> bool:
        """Whether every loop is alive."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def start(self) -> None:
        """Start the loops, `worker_concurrency` of them, and where messages are embedded one more."""
        self._tasks = [
            asyncio.create_task(
                keep_working(self._documents.work_once, self._documents.wait), name=f"ingestion-{number}"
            )
            for number in range(self._settings.worker_concurrency)
        ]
        if self._messages is not None:
            self._tasks.append(asyncio.create_task(self._messages.run(), name="messages"))

    def note_messages(self) -> None:
        """Say that this process has appended messages, so that they need not wait for the next look at their queue."""
        if self._messages is not None:
            self._messages.wake()

    async def stop(self) -> None:
        """Stop the loops; what they were doing is given back to the queue."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []


async def _keep_indexes(settings: Settings, database: Database, url: str) -> None:
    if settings.index_check_s:
        await keep_indexes(
            database, url, settings.index_min_rows, settings.index_check_s,
            max_count=settings.index_max_count, memory_mb=settings.index_memory_mb,
        )  # fmt: skip


@asynccontextmanager
async def running_worker(
    settings: Settings,
    url: str,
    database: Database,
    provider: EmbeddingProvider,
    *,
    owner_url: str | None = None,
) -> AsyncIterator[Worker]:
    """A worker on the database at `url`, stopped after the block; as the owner, at `owner_url`, it makes indexes.

    Raises:
        StartupError: it is to make indexes, and may not.
    """
    if settings.index_check_s:
        # Now, not in the log an hour later.
        await check_owner(owner_url or url, database.statements)
    queue = Queue(database, f"{socket.gethostname()}:{os.getpid()}", settings.worker_lease_s)
    sandbox = ParserSandbox(settings)
    notices = Notices(url, NOTICE_CHANNEL)
    notices.start()
    messages = None
    if settings.embed_messages:
        message_queue = MessageQueue(database, queue.worker, settings.worker_lease_s)
        messages = MessageWorker(settings, message_queue, provider, sandbox)
    worker = Worker(settings, DocumentWorker(settings, queue, provider, sandbox, notices), messages)
    worker.start()
    keepers = [
        asyncio.create_task(_keep_indexes(settings, database, owner_url or url), name="indexes"),
        asyncio.create_task(keep_sweeping(database), name="sweep"),
    ]
    try:
        yield worker
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await worker.stop()
        await notices.stop()
        await sandbox.close()
