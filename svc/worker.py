"""The worker of one process: the loops that ingest documents, embed messages, sweep and build indexes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from svc.background import Background, Loop, Turn
from svc.database.notices import Notices
from svc.database.queries import Database
from svc.embedding.provider import EmbeddingProvider
from svc.ingest.queue import Queue
from svc.ingest.sandbox import ParserSandbox
from svc.ingest.worker import DocumentWorker
from svc.jobs.loop import WorkTurn
from svc.jobs.stalled import stalled_turn
from svc.jobs.sweep import sweep_turn
from svc.messages.queue import MessageQueue
from svc.messages.worker import MessageWorker
from svc.search.own_indexes import check_owner, index_turn
from svc.settings import Settings
from svc.terms.keeping import TermKeeper
from svc.terms.texts import StoredTerms

NOTICE_CHANNEL = "cabinet_ingestion"


class Worker:
    """The loops of one process that take jobs from the queues, and its `keepers`, which sweep and build indexes."""

    def __init__(
        self,
        settings: Settings,
        background: Background,
        documents: DocumentWorker,
        messages: MessageWorker | None,
        keepers: Mapping[str, Turn],
    ) -> None:
        self._settings = settings
        self._background = background
        self._documents = documents
        self._messages = messages
        self._keepers = keepers
        self._loops: list[Loop] = []
        self._kept: list[Loop] = []

    @property
    def is_running(self) -> bool:
        """Whether the loops were started and none of them keeps failing."""
        return bool(self._loops) and not any(loop.is_failing for loop in self._loops)

    def start(self) -> None:
        """Start `worker_concurrency` loops for documents, and one for messages if they are embedded."""
        self._loops = [
            self._background.keep(WorkTurn(self._documents.work_once, self._documents.wait), name=f"ingestion-{number}")
            for number in range(self._settings.worker_concurrency)
        ]
        if self._messages is not None:
            self._loops.append(
                self._background.keep(WorkTurn(self._messages.work_once, self._messages.wait), name="messages")
            )
        self._kept = [self._background.keep(turn, name=name) for name, turn in self._keepers.items()]

    def note_messages(self) -> None:
        """Wake the loop for messages, because this process has appended some."""
        if self._messages is not None:
            self._messages.wake()

    async def stop(self) -> None:
        """Stop the loops and return their jobs to the queue, if the database answers; takes at most some seconds."""
        loops, self._loops, self._kept = [*self._loops, *self._kept], [], []
        await asyncio.gather(*(loop.stop() for loop in loops))


def _index_turn(settings: Settings, database: Database, url: str) -> Turn:
    return partial(
        index_turn, database, url, settings.index_min_rows, settings.index_check_s,
        max_count=settings.index_max_count, memory_mb=settings.index_memory_mb,
    )  # fmt: skip


@asynccontextmanager
async def running_worker(
    settings: Settings,
    url: str,
    database: Database,
    provider: EmbeddingProvider,
    background: Background,
    *,
    owner_url: str | None = None,
) -> AsyncIterator[Worker]:
    """Run a worker on the database at `url` until the block ends. It builds indexes with the login of `owner_url`.

    Raises:
        StartupError: the settings turn on building indexes, and the login lacks the privilege.
    """
    if settings.index_check_s:
        # Fail at start-up, instead of in the log an hour later.
        await check_owner(owner_url or url, database.statements)
    terms = StoredTerms(settings.text_language)
    queue = Queue(database, f"{socket.gethostname()}:{os.getpid()}", settings.worker_lease_s, terms)
    sandbox = ParserSandbox(settings)
    notices = Notices(url, NOTICE_CHANNEL)
    notices.start(background)
    messages = None
    if settings.embed_messages:
        message_queue = MessageQueue(database, queue.worker, settings.worker_lease_s, terms)
        messages = MessageWorker(settings, message_queue, provider, sandbox)
    keepers: dict[str, Turn] = {
        "sweep": partial(sweep_turn, database),
        "stalled": partial(stalled_turn, database, settings.statement_timeout_s),
        "terms": TermKeeper(database, terms, settings.worker_poll_s).turn,
    }
    if settings.index_check_s:
        keepers["indexes"] = _index_turn(settings, database, owner_url or url)
    documents = DocumentWorker(settings, queue, provider, sandbox, notices)
    worker = Worker(settings, background, documents, messages, keepers)
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop()
        await notices.stop()
        await sandbox.close()
