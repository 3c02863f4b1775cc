"""`cabinet index apply`, killed at any point and run again, leaves only valid indexes."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from svc.search.index_plan import planned_steps
from tests.conftest import PATIENCE_S, Service, test_settings
from tests.lengths import length
from tests.routes.answers import ok
from tests.routes.tenants import direct_connection, shared_service
from tests.search.corpus import Corpus, check, make_corpus, random_vectors
from tests.server_process import CABINET, clean_environment

MIN_ROWS = 1000
# The command's session that changes indexes, and its state; it waits for locks of the holders.
SESSION = """
select p.phase, a.wait_event_type, a.query
from pg_stat_activity as a
left join pg_stat_progress_create_index as p on a.pid = p.pid
where a.application_name = 'cabinet index' and a.datname = current_database() and a.state = 'active'
"""


@dataclass(frozen=True)
class Moment:
    """The time of the kill: a phase of a build, or a statement with this beginning; `holders` keep the session there.

    Each holder is an open transaction. The first begins before the command; the second begins when the command waits
    for the first, which then ends.
    """

    phase: str | None = None
    statement: str | None = None
    holders: tuple[str, ...] = ()
    is_rebuild: bool = False


WRITER = "lock table chunk_vectors in row exclusive mode"
READER = "set transaction isolation level repeatable read; select 1"
MOMENTS = {
    "before the build": Moment(phase="waiting for writers before build", holders=(WRITER,)),
    "in the build": Moment(phase="building index: loading tuples"),
    "before its validation": Moment(phase="waiting for writers before validation", holders=(WRITER, WRITER)),
    "before it is valid": Moment(phase="waiting for old snapshots", holders=(READER,)),
    "before it is marked": Moment(statement="update tenant_totals", holders=("select from tenant_totals for update",)),
    "in the drop of an invalid index": Moment(
        statement="drop index concurrently", holders=(WRITER,), is_rebuild=True
    ),
}  # fmt: skip


ENDINGS = ("its session ends", "its session continues")
# In the short form, a session continues at three moments: while it waits for a writer, for a reader, and in a drop.
GO_ON = length(("before the build", "before it is valid", "in the drop of an invalid index"), tuple(MOMENTS))
CASES = [(name, ending) for name in MOMENTS for ending in ENDINGS if ending == ENDINGS[0] or name in GO_ON]


@pytest_asyncio.fixture(scope="module")
async def large(server: EmbeddedServer, template: str) -> AsyncIterator[Corpus]:
    """A tenant large enough for an index."""
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    async with shared_service(server, template, "shared_killed_builds", settings) as service:
        yield await make_corpus(service, [np.concatenate([random_vectors(400, seed) for seed in range(3)])])


@pytest_asyncio.fixture
async def fresh(large: Corpus) -> AsyncIterator[Corpus]:
    """The tenant without an index."""
    async with direct_connection(large.tenant.service) as connection:
        await connection.execute(f"drop index if exists {name_of(large)}")
        await connection.execute("update tenant_totals set has_index = false")
    yield large


def name_of(corpus: Corpus) -> str:
    return f"chunk_vectors_hnsw_{UUID(corpus.tenant.id).hex}"


async def start(service: Service) -> asyncio.subprocess.Process:
    """Start the command."""
    environment = clean_environment(DATABASE_URL=service.url, CABINET_INDEX_MIN_ROWS=str(MIN_ROWS))
    return await asyncio.create_subprocess_exec(
        *CABINET, "index", "apply", env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def seen(connection: Any, phase: str | None, statement: str | None) -> None:
    """Wait until the command's session reaches this moment."""
    deadline = time.monotonic() + PATIENCE_S
    last: Any = None
    while time.monotonic() < deadline:
        row = await connection.fetchrow(SESSION)
        if row is not None:
            last = dict(row)
            is_waiting = row["wait_event_type"] == "Lock"
            if phase is not None and row["phase"] == phase:
                return
            # The header of the statement precedes it.
            text = re.sub(r"^--.*\n", "", row["query"], flags=re.MULTILINE).strip().lower()
            if statement is not None and is_waiting and text.startswith(statement):
                return
        await asyncio.sleep(0.003)
    raise AssertionError(f"{phase or statement} was never reached; last state: {last}")


async def kill_at(service: Service, moment: Moment, connection: Any, holders: AsyncExitStack) -> None:
    """Start the command and kill it at this moment, while its session on the server continues."""
    holding = [await holders.enter_async_context(held(service, each)) for each in moment.holders[:1]]
    process = await start(service)
    for each in moment.holders[1:]:
        await seen(connection, "waiting for writers before build", None)
        await holders.enter_async_context(held(service, each))
        await holding[0].execute("rollback")
    await seen(connection, moment.phase, moment.statement)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL, "the command had already ended"


@asynccontextmanager
async def held(service: Service, statement: str) -> AsyncIterator[Any]:
    """Run a statement in a transaction that stays open during the block."""
    async with direct_connection(service) as connection:
        await connection.execute(f"begin; {statement}")
        yield connection


async def end_session(connection: Any) -> None:
    """End the session of a killed client, like a restart of the server."""
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'cabinet index' and datname = current_database()"
    )
    await session_gone(connection)


async def session_gone(connection: Any) -> None:
    """Wait until the command has no session."""
    deadline = time.monotonic() + PATIENCE_S
    while await connection.fetchval(
        "select count(*) from pg_stat_activity"
        " where application_name = 'cabinet index' and datname = current_database()"
    ):
        assert time.monotonic() < deadline, "a session still exists"
        await asyncio.sleep(0.01)


async def make_invalid(corpus: Corpus) -> None:
    """Leave an invalid index, like an interrupted build."""
    service = corpus.tenant.service
    async with direct_connection(service) as connection, AsyncExitStack() as holders:
        await holders.enter_async_context(held(service, WRITER))
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("set statement_timeout = 200")
            await connection.execute(
                f"create index concurrently {name_of(corpus)} on chunk_vectors"
                f" using hnsw (embedding halfvec_cosine_ops) where user_id = '{corpus.tenant.id}'"
            )


@pytest.mark.parametrize(("name", "ending"), CASES)
async def test_a_killed_build_succeeds_when_run_again(fresh: Corpus, name: str, ending: str) -> None:
    moment, service = MOMENTS[name], fresh.tenant.service
    if moment.is_rebuild:
        await make_invalid(fresh)
    async with direct_connection(service) as connection:
        async with AsyncExitStack() as holders:
            await kill_at(service, moment, connection, holders)
            if ending == "its session ends":
                await end_session(connection)
            elif moment.holders:
                refused = await start(service)
                said = (await refused.communicate())[0].decode()
                assert refused.returncode != 0
                assert "another session is changing" in " ".join(said.split())
        await session_gone(connection)
        again = await start(service)
        said = (await again.communicate())[0].decode()
        assert again.returncode == 0, said
        await check_nothing_is_left(fresh, connection)
    await check_searches(fresh)


async def check_nothing_is_left(corpus: Corpus, connection: Any) -> None:
    """Check that the tenant's index is the only own index, that all indexes are valid, and that no session works on
    them."""
    service = corpus.tenant.service
    rows = await connection.fetch(
        "select indexrelid::regclass::text as name, indisvalid and indisready and indislive as is_good"
        " from pg_index where indrelid = 'chunk_vectors'::regclass"
    )
    assert {row["name"]: row["is_good"] for row in rows} == {
        "chunk_vectors_pkey": True,
        "chunk_vectors_signature_idx": True,
        name_of(corpus): True,
    }
    assert await connection.fetchval("select has_index from tenant_totals where user_id = $1", UUID(corpus.tenant.id))
    assert await planned_steps(service.services.database, MIN_ROWS) == []
    await session_gone(connection)
    for left in (
        "select count(*) from pg_locks where locktype = 'advisory' and database ="
        " (select oid from pg_database where datname = current_database())",
        "select count(*) from pg_stat_progress_create_index where datname = current_database()",
        "select count(*) from pg_index where not (indisvalid and indisready and indislive)",
        r"select count(*) from pg_class where relname like '%\_ccnew%' or relname like '%\_ccold%'",
    ):
        assert await connection.fetchval(left) == 0, left


async def check_searches(corpus: Corpus) -> None:
    """Check that searches use the index and find all chunks."""
    query = [float(component) for component in random_vectors(1, 77)[0]]
    found = ok(await corpus.tenant.post("/search", json={"embedding": query, "limit": 1}))
    assert found["lane"] == "index"
    check(found["results"], query, corpus.chunks, limit=1)
