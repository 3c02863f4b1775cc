"""The metrics of a process, with the current state of its pool and of the queues."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

from prometheus_client import generate_latest

from svc import metrics
from svc.database.queries import Database
from svc.database.rows import ServerQueues
from svc.errors import CabinetError

logger = logging.getLogger(__name__)

QUEUES = ("documents", "messages")


async def exposition(database: Database) -> bytes:
    """The metrics in the text format of Prometheus. Without the database they lack the queues."""
    database.pool.observe()
    if database.generic is not None:
        database.generic.pool.observe(metrics.generic_pool_connections)
    try:
        rows = await database.many("server/queues")
    except CabinetError as error:
        # The other metrics matter most while the database is unavailable; they also count the failed statement.
        logger.warning("the metrics omit the queues: %s", error.detail)
        _clear()
    else:
        _observe(rows)
    # In a thread, because there is a series for each statement and route.
    return await asyncio.to_thread(generate_latest, metrics.REGISTRY)


def _observe(rows: Sequence[ServerQueues]) -> None:
    _clear()
    jobs: dict[str, int] = defaultdict(int)
    expired: dict[str, int] = defaultdict(int)
    overdue_s: dict[str, float] = defaultdict(float)
    for row in rows:
        metrics.queue_jobs.labels(row.queue, row.plan).set(row.jobs)
        metrics.queue_overdue_seconds.labels(row.queue, row.plan).set(row.overdue_s)
        jobs[row.queue] += row.jobs
        expired[row.queue] += row.expired_leases
        overdue_s[row.queue] = max(overdue_s[row.queue], row.overdue_s)
    for queue in QUEUES:
        metrics.expired_leases.labels(queue).set(expired[queue])
    metrics.ingestion_queue.labels("queued").set(jobs["documents"])
    metrics.message_queue.labels("queued").set(jobs["messages"])
    metrics.ingestion_overdue_seconds.set(overdue_s["documents"])


def _clear() -> None:
    """Remove the plans that no longer have jobs, and values that are no longer known."""
    metrics.queue_jobs.clear()
    metrics.queue_overdue_seconds.clear()
    metrics.expired_leases.clear()
