"""A worker that stops itself with SIGSTOP while it stores the results of one job, for `test_stopped_workers.py`:

    python -m tests.jobs.stopping_worker URL documents|messages STATEMENT [half|long]

It stops before the named statement or, with `half`, while it sends the rows of that COPY. With `long`, its transaction
has the limits of a lease of a minute. After SIGCONT, it continues and prints the error that it gets, or `stored`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from svc.database.by_name import ByName
from svc.database.queries import Database, Transaction, open_database
from svc.errors import CabinetError
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from svc.messages.queue import MessageQueue, Piece
from svc.settings import Settings

LEASE_S = 1.0
# The rows of a COPY are sent in pieces of half a megabyte, which exceeds the buffer of a socket.
_ROW_CHARACTERS = 400_000
_ROWS = 4


def stop() -> None:
    """Stop this process until it gets SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def stop_at(name: str, *, half: bool) -> None:
    """Stop this process when a transaction runs the statement."""
    for method in ("one_by_name", "many_by_name", "value_by_name", "exec_by_name", "copy_by_name"):
        _stop_in(method, name, half)


def _stop_in(method: str, name: str, half: bool) -> None:
    original = getattr(ByName, method)

    async def stopping(queries: ByName, statement: str, argument: Any) -> Any:
        if statement == name and isinstance(queries, Transaction):
            if half:
                argument = _stopping_rows(argument)
            else:
                stop()
        return await original(queries, statement, argument)

    setattr(ByName, method, stopping)


def _stopping_rows(rows: Iterable[Any]) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number == _ROWS - 1:
            stop()
        yield row


async def store_document(database: Database, store_s: float) -> None:
    """Claim a document and store chunks for it."""
    queue = Queue(database, "stopping", LEASE_S)
    job = await queue.claim()
    assert job is not None
    assert await queue.start(job) is not None
    chunks = [TextChunk(content="x" * _ROW_CHARACTERS, token_count=1, metadata={}) for _ in range(_ROWS)]
    queue.lease_s = store_s
    await queue.store(job, chunks, np.eye(_ROWS, 256, dtype=np.float16))


async def store_messages(database: Database, store_s: float) -> None:
    """Claim a conversation and store vectors for its messages."""
    queue = MessageQueue(database, "stopping", LEASE_S)
    job = await queue.claim()
    assert job is not None
    pieces = [Piece(message, 0, message.content, 1) for message in await queue.pending(job, 0)]
    queue.lease_s = store_s
    await queue.store(job, pieces, np.eye(len(pieces), 256, dtype=np.float16))
    await queue.finish(job, pieces[-1].message.position)


async def main(url: str, kind: str, statement: str, how: str = "") -> None:
    """Store the results, and stop meanwhile."""
    database = await open_database(Settings(_env_file=None), url)
    stop_at(statement, half=how == "half")
    try:
        await {"documents": store_document, "messages": store_messages}[kind](
            database, 60.0 if how == "long" else LEASE_S
        )
        print("stored")
    except CabinetError as error:
        print(type(error).__name__)
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
