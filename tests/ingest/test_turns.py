"""Users take turns in both queues of the workers, and a claim reads the same amount of a long and of a short queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from svc.database.queries import Database

# Pages that a claim may access: some for each index and row, and three for each skipped user.
MOST_PAGES = 40
MOST_PAGES_PASSED = 300
NOBODY = UUID(int=0)
JOBS = """
    insert into {table} (user_id, {job_id}, due_at)
    select ('00000000-0000-0000-0001-' || lpad(to_hex($1 + u), 12, '0'))::uuid, gen_random_uuid(),
        now() + make_interval(secs => $4) + j * interval '1 ms'
    from generate_series(1, $2::int) as u cross join generate_series(1, $3::int) as j
"""


@dataclass
class Queue:
    """One of the two queues with a worker, which claims jobs one by one."""

    database: Database
    connection: Any
    name: str
    turn: UUID = NOBODY

    @property
    def table(self) -> str:
        """The table of the jobs."""
        return "ingestion_jobs" if self.name == "ingest" else "message_jobs"

    @property
    def job_id(self) -> str:
        """Its column with the id of the work."""
        return "document_id" if self.name == "ingest" else "conversation_id"

    async def add(self, first: int, users: int = 1, jobs: int = 1, due_in_s: float = -60) -> None:
        """Queue this many jobs for each of this many users, who are numbered from `first` + 1."""
        await self.connection.execute(JOBS.format(table=self.table, job_id=self.job_id), first, users, jobs, due_in_s)

    async def claim(self) -> int | None:
        """Claim the next job, and return the number of its user."""
        row = await self.database.one_by_name(f"{self.name}/claim", self.arguments())
        if row is None:
            return None
        self.turn = row["turn"]
        return int(row["user_id"].int % 2**32)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the statement."""
        lease = {} if self.name == "ingest" else {"lease": UUID(int=1)}
        return {"worker": "w", **lease, "lease_s": 60.0, "after": self.turn}

    async def pages(self) -> int:
        """The number of pages that one claim accesses; the claim is rolled back."""
        await self.connection.execute("vacuum analyze ingestion_jobs, message_jobs")
        statement = self.database.statements[f"{self.name}/claim"]
        values = [self.arguments()[name] for name in statement.parameter_names]
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            plan = json.loads(
                await self.connection.fetchval(f"explain (analyze, buffers, format json) {statement.body}", *values)
            )[0]["Plan"]
        finally:
            await transaction.rollback()
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest_asyncio.fixture(params=["ingest", "message_jobs"])
async def queue(database: Database, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    """An empty queue."""
    connection = await asyncpg.connect(database_url)
    try:
        yield Queue(database, connection, request.param)
    finally:
        await connection.close()


@pytest.mark.parametrize("waiting", [1, 10_000])
async def test_one_job_waits_for_one_job_of_each_other_user(queue: Queue, waiting: int) -> None:
    await queue.add(5, jobs=waiting, due_in_s=-600)
    await queue.add(2)
    await queue.add(8)

    served = [await queue.claim() for _ in range(3)]

    assert sorted(served, key=str) == [3, 6, 9]


async def test_users_are_served_in_turn_until_all_have_had_theirs(queue: Queue) -> None:
    await queue.add(0, jobs=3, due_in_s=-600)
    await queue.add(1, jobs=5)
    await queue.add(2, jobs=1)

    assert [await queue.claim() for _ in range(10)] == [1, 2, 3, 1, 2, 1, 2, 2, 2, None]


async def test_the_jobs_of_one_user_are_claimed_in_order_of_due_time(queue: Queue) -> None:
    await queue.add(0, jobs=20)
    rows = await queue.connection.fetch(f"select * from {queue.table} order by due_at")

    claimed = [await queue.database.one_by_name(f"{queue.name}/claim", queue.arguments()) for _ in range(20)]

    assert [row[queue.job_id] for row in claimed if row] == [row[queue.job_id] for row in rows]


async def test_a_job_that_is_not_due_is_never_claimed(queue: Queue) -> None:
    await queue.add(0, users=150, due_in_s=60)
    assert await queue.claim() is None

    await queue.add(200)
    assert [await queue.claim(), await queue.claim()] == [201, None]


async def test_a_job_is_claimed_soon_despite_thousands_that_wait_for_a_retry(queue: Queue) -> None:
    """Each claim skips some of them, and the next claim continues there."""
    await queue.add(0, users=2_000, due_in_s=600)
    await queue.add(3_000, jobs=100, due_in_s=-600)
    await queue.add(1_500, jobs=1)

    served = [await queue.claim() for _ in range(40)]

    assert served.index(1_501) <= 20


@pytest.mark.parametrize(
    ("users", "jobs", "due_in_s", "most"),
    [
        (1, 1, -60, MOST_PAGES),
        (1, 10_000, -60, MOST_PAGES),
        (10_000, 1, -60, MOST_PAGES),
        (10_000, 1, 600, MOST_PAGES_PASSED),
    ],
    ids=["one job", "10,000 jobs of one user", "one job of each of 10,000 users", "10,000 users with none that is due"],
)
async def test_a_claim_reads_a_bounded_part_of_the_queue(
    queue: Queue, users: int, jobs: int, due_in_s: float, most: int
) -> None:
    await queue.add(0, users=users, jobs=jobs, due_in_s=due_in_s)
    if due_in_s > 0:
        await queue.add(20_000, due_in_s=-60)
    for after in (NOBODY, UUID(int=(1 << 64) + users // 2), UUID(int=1 << 100)):
        queue.turn = after

        assert await queue.pages() <= most


async def test_concurrent_claims_get_different_jobs(queue: Queue) -> None:
    await queue.add(0, users=4, jobs=5)
    workers = [Queue(queue.database, queue.connection, queue.name) for _ in range(4)]

    async def work(worker: Queue) -> list[int]:
        served: list[int] = []
        while len(served) < 20 and (user := await worker.claim()) is not None:
            served.append(user)
        return served

    served = [user for part in await asyncio.gather(*map(work, workers)) for user in part]
    while (left := await queue.claim()) is not None:
        served.append(left)
    assert sorted(served) == [number for number in range(1, 5) for _ in range(5)]
