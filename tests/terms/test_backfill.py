"""Texts without terms get them in the background, after an upgrade or an import, in spite of interruptions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from svc.database.queries import Database
from svc.ingest.queue import Queue
from svc.migrations.files import read_migrations
from svc.routes.transfers import _transferred
from svc.terms import backfill
from svc.terms.backfill import Backfill
from svc.terms.keeping import TermKeeper
from svc.terms.texts import StoredTerms
from tests.database.conftest import make_user
from tests.tenants.made_up import make_large_user
from tests.terms.stored import expected_terms, ingest, terms_of, upload

MESSAGES = (
    "select user_id, conversation_id, position, role, created_at, keys, weights::text from message_terms"
    " order by user_id, conversation_id, position"
)


async def forget_terms(connection: Any) -> None:
    """The state right after an upgrade."""
    await connection.execute("truncate chunk_terms, message_terms, term_samples, term_stats")
    await connection.execute("insert into term_jobs (user_id) select id from users")


async def finish(work: Backfill) -> int:
    """Work until nothing is left; returns the number of steps."""
    for steps in range(1_000):
        if not await work.step():
            return steps
    raise AssertionError("the work does not end")


async def test_every_text_gets_the_terms_that_it_would_have(
    database: Database, observer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_TEXTS_AT_ONCE", 7)
    for seed in (1, 2):
        await make_large_user(database, documents=4, chunks_each=6, conversations=3, messages_each=5, seed=seed)
    await make_user(database, "nothing@example.org")
    chunks, messages = await terms_of(observer), await observer.fetch(MESSAGES)
    await forget_terms(observer)

    await finish(Backfill(database, StoredTerms()))

    assert await terms_of(observer) == chunks == await expected_terms(observer, database)
    assert await observer.fetch(MESSAGES) == messages
    assert await observer.fetchval("select count(*) from term_jobs") == 0
    assert await observer.fetchval("select count(*) from term_samples where sampled > 0") == 4


async def test_only_missing_terms_are_added_and_a_step_that_is_lost_is_done_again(
    database: Database, observer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_TEXTS_AT_ONCE", 5)
    await make_large_user(database, documents=4, chunks_each=6, conversations=1, messages_each=12)
    chunks, messages = await terms_of(observer), await observer.fetch(MESSAGES)
    await observer.execute("delete from chunk_terms where chunk_id in (select chunk_id from chunk_terms limit 11)")
    await observer.execute("delete from message_terms where position % 3 = 0")
    await observer.execute("insert into term_jobs (user_id) select id from users")
    work = Backfill(database, StoredTerms())
    await work.step()
    # A worker has claimed the job and died: no other worker gets it until its lease ends.
    assert await database.one("terms/claim", lease_s=60) is not None
    assert not await work.step()
    await observer.execute("update term_jobs set due_at = now()")
    await finish(work)
    assert await terms_of(observer) == chunks
    assert await observer.fetch(MESSAGES) == messages


async def test_texts_in_scripts_with_stems_get_new_terms_after_an_upgrade(database: Database, observer: Any) -> None:
    tenant = await make_user(database, "kolmogorov@example.org")
    await upload(database, tenant, "books.txt")
    await ingest(Queue(database, "test", 60), ["Документация файлов", "English: \u03b1", "كتاب", "βιβλίου"])
    await make_large_user(database, documents=1, chunks_each=2, conversations=1, messages_each=4)
    await observer.execute("update messages set name = 'Софья' where position = 2")
    await observer.execute("delete from term_jobs")
    chunks, messages = await terms_of(observer), await observer.fetch(MESSAGES)
    (migration,) = (each for each in read_migrations() if each.id == "0038.script_stems")
    for statement in migration.statements:
        await observer.execute(statement)
    assert len(await terms_of(observer)) == len(chunks) - 3
    assert await observer.fetchval("select count(*) from message_terms") == len(messages) - 1
    work = Backfill(database, StoredTerms())
    # Workers of the earlier version may still run for a while.
    assert not await work.step()
    assert await observer.fetchval("select count(*) from term_jobs where user_id = $1", tenant) == 1
    await observer.execute("update term_jobs set due_at = now()")
    await finish(work)
    assert await terms_of(observer) == chunks == await expected_terms(observer, database)
    assert await observer.fetchval("select count(*) from message_terms") == len(messages)


async def test_messages_without_a_vector_wait_for_it(database: Database, observer: Any) -> None:
    await make_large_user(database, documents=1, chunks_each=1, conversations=1, messages_each=4)
    await observer.execute("delete from message_vectors where position > 2")
    await forget_terms(observer)
    await finish(Backfill(database, StoredTerms()))
    assert [row["position"] for row in await observer.fetch(MESSAGES)] == [1, 2]


async def test_texts_that_are_deleted_or_stored_meanwhile_do_not_stop_it(database: Database, observer: Any) -> None:
    user_id = await make_large_user(database, documents=6, chunks_each=3, conversations=2, messages_each=3)
    await forget_terms(observer)

    class Slow(StoredTerms):
        """While terms are found, a document is deleted, and another worker adds the terms of all others."""

        is_done = False

        async def of(self, *arguments: Any) -> Any:
            if not self.is_done:
                self.is_done = True
                await observer.execute(
                    "delete from document_contents where document_id in (select document_id from chunks limit 1)"
                )
                await observer.execute("update term_jobs set due_at = now()")
                assert await Backfill(database, StoredTerms()).step()
            return await super().of(*arguments)

    await finish(Backfill(database, Slow()))
    assert await terms_of(observer) == await expected_terms(observer, database)
    assert {row[0] for row in (await terms_of(observer)).values()} == {user_id}


async def test_documents_that_are_given_before_their_terms_are_added_get_them(
    database: Database, observer: Any
) -> None:
    giver, receiver = await make_user(database, "giver@example.org"), await make_user(database, "other@example.org")
    await upload(database, giver, "a.txt")
    document = await ingest(Queue(database, "test", 60), ["observatory", "dome"])
    await observer.execute("truncate chunk_terms")
    await observer.execute("insert into term_jobs (user_id) values ($1)", giver)
    await _transferred(database, giver, receiver, [document])
    await finish(Backfill(database, StoredTerms()))
    stored = await terms_of(observer)
    assert {row[0] for row in stored.values()} == {receiver}
    assert stored == await expected_terms(observer, database)


async def test_the_loop_of_a_worker_does_it(database: Database, observer: Any) -> None:
    await make_large_user(database, documents=2, chunks_each=3, conversations=1, messages_each=2)
    await forget_terms(observer)
    keeper = TermKeeper(database, StoredTerms(), 7.0)
    for _ in range(20):
        if await keeper.turn() == 7.0:
            break
        await asyncio.sleep(0)
    assert await terms_of(observer) == await expected_terms(observer, database)
