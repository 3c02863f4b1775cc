"""The shares of terms: exact for small tenants, approximate for large ones, renewed by growth, never shared."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from svc.background import Background
from svc.database.queries import Database
from svc.ingest.queue import Queue
from svc.search.query_terms import QueryTermsReader
from svc.tenants.erase import erase_in, erase_user
from svc.terms import samples
from svc.terms.by_language import MARKS, mark
from svc.terms.keeping import TermKeeper
from svc.terms.samples import renew_sample, stale_tenants
from svc.terms.texts import StoredTerms
from svc.terms.weights import salt
from svc.terms.words import Words, term
from tests.database.conftest import make_user
from tests.database.test_locks import waits_for_a_lock
from tests.tenants.made_up import make_large_user
from tests.terms.stored import ingest, upload


async def shares_of(connection: Any, user_id: UUID, kind: str = "chunk") -> dict[int, float]:
    row = await connection.fetchrow(
        "select terms, shares from term_samples where user_id = $1 and kind = $2", user_id, kind
    )
    return {} if row is None else dict(zip(row["terms"], row["shares"], strict=True))


async def sample_of(connection: Any, user_id: UUID, kind: str = "chunk") -> tuple[int, int, float]:
    row = await connection.fetchrow(
        "select text_count, sampled, other_share from term_samples where user_id = $1 and kind = $2", user_id, kind
    )
    return row["text_count"], row["sampled"], row["other_share"]


def texts_of(count: int, seed: int) -> list[str]:
    """Texts that contain word k with a probability of about 1 / k."""
    draw = random.Random(seed)
    return [
        " ".join(f"word{chr(97 + k % 26)}{chr(97 + k // 26)}" for k in range(200) if draw.random() < 1 / (k + 1)) or "x"
        for _ in range(count)
    ]


def exact_shares(texts: list[str]) -> dict[int, float]:
    words = Words("english")
    found = Counter(each for text in texts for each in words.document(text).counts)
    return {each: count / len(texts) for each, count in found.items()}


async def store(database: Database, user_id: UUID, texts: list[str]) -> None:
    await upload(database, user_id, "a.txt")
    await ingest(Queue(database, "test", 60), texts)


async def test_a_small_tenant_is_counted_exactly(database: Database, observer: Any) -> None:
    user_id, other = await make_user(database), await make_user(database, "other@example.org")
    texts = texts_of(60, 1)
    await store(database, user_id, texts)
    await store(database, other, ["somethingelse wordaa"] * 5)
    await renew_sample(database, user_id, "chunk")
    exact = exact_shares(texts)
    kept = await shares_of(observer, user_id)
    assert kept == {each: pytest.approx(share) for each, share in exact.items() if share * 60 > 1.5}
    # A term that is not kept is in one of the sixty texts.
    count, sampled, other_share = await sample_of(observer, user_id)
    assert (count, sampled) == (60, 60)
    assert other_share == pytest.approx(1 / 60)
    assert await shares_of(observer, other) == {}


async def test_thousands_of_texts_are_all_counted_and_read_once(database: Database, observer: Any) -> None:
    """A sample of 2,000, which kept terms of at least four texts, ranked three of a hundred results wrongly."""
    user_id = await make_user(database)
    texts = [*texts_of(2_600, 3), "glacier", "glacier"]
    await store(database, user_id, texts)
    await renew_sample(database, user_id, "chunk")
    exact, kept = exact_shares(texts), await shares_of(observer, user_id)
    assert kept == {each: pytest.approx(share) for each, share in exact.items() if share * len(texts) > 1.5}
    reader = QueryTermsReader(database, "english", Background())
    await reader._read(user_id, "chunk")
    (_, shares), rare = reader._kept[user_id, "chunk"], term("glacier")
    assert shares.known([rare, 5]) == {rare: pytest.approx(2 / len(texts))}
    assert shares.other_share == pytest.approx(1 / len(texts))
    await reader._read(user_id, "chunk")
    assert reader._kept[user_id, "chunk"][1] is shares
    await renew_sample(database, user_id, "chunk", is_forced=True)
    await reader._read(user_id, "chunk")
    assert reader._kept[user_id, "chunk"][1] is not shares


async def test_a_large_tenant_is_counted_nearly(
    database: Database, observer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "_TEXTS", 400)
    user_id = await make_user(database)
    texts = texts_of(2_000, 2)
    await store(database, user_id, texts)
    await renew_sample(database, user_id, "chunk")
    count, sampled, other = await sample_of(observer, user_id)
    assert count == 2_000
    assert other == pytest.approx(1 / sampled)
    assert 320 < sampled < 480
    exact, kept = exact_shares(texts), await shares_of(observer, user_id)
    frequent = [each for each, share in exact.items() if share > 0.02]
    assert len(frequent) > 40
    for each in frequent:
        # Four standard deviations of a sample of this size.
        assert kept.get(each, other) == pytest.approx(exact[each], abs=4 * (exact[each] / sampled) ** 0.5)


async def test_a_sample_is_renewed_when_the_tenant_has_grown_by_a_fifth(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    await store(database, user_id, ["dome"] * 10)
    assert await stale_tenants(database, None) == ([user_id], None)
    await renew_sample(database, user_id, "chunk")
    assert await stale_tenants(database, None) == ([], None)
    await store(database, user_id, ["winter"] * 2)
    await renew_sample(database, user_id, "chunk")
    assert await shares_of(observer, user_id) == {term("dome"): 1}
    await store(database, user_id, ["winter"] * 8)
    assert await stale_tenants(database, None) == ([user_id], None)
    await renew_sample(database, user_id, "chunk")
    assert await shares_of(observer, user_id) == {term("dome"): 0.5, term("winter"): 0.5}


async def test_a_sample_shrinks_with_the_tenant(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    await store(database, user_id, ["dome"] * 10)
    await renew_sample(database, user_id, "chunk")
    document = await observer.fetchval("select id from documents")
    await database.exec("documents/delete", user_id=user_id, document_ids=[document], max_parts=1_000)
    await renew_sample(database, user_id, "chunk")
    assert await shares_of(observer, user_id) == {}
    assert (await sample_of(observer, user_id))[:2] == (0, 0)


async def test_the_loop_of_a_worker_samples_the_tenants_that_have_stored_something(
    database: Database, observer: Any
) -> None:
    user_id = await make_large_user(database, documents=2, chunks_each=3, conversations=2, messages_each=5)
    terms = StoredTerms()
    keeper = TermKeeper(database, terms, 7.0)
    assert await keeper.turn() == 7.0
    assert (await sample_of(observer, user_id))[:2] == (6, 6)
    assert await shares_of(observer, user_id, "message") == {}
    terms.grown.add((user_id, "message"))
    assert await keeper.turn() == 7.0
    assert terms.grown == set()
    assert (await sample_of(observer, user_id, "message"))[:2] == (10, 10)
    assert (await shares_of(observer, user_id, "message"))[term("öffnung")] == 1


async def test_tenants_are_examined_some_at_a_time(
    database: Database, observer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svc.terms.samples._EXAMINED_AT_ONCE", 2)
    users = [await make_user(database, f"user{number}@example.org") for number in range(5)]
    for user_id in users:
        await store(database, user_id, ["dome"] * 3)
    examined, after = await stale_tenants(database, None)
    assert (examined, after) == (sorted(users)[:2], sorted(users)[1])
    keeper = TermKeeper(database, StoredTerms(), 7.0)
    counts = []
    for _ in range(3):
        await keeper.turn()
        counts.append(await observer.fetchval("select count(*) from term_samples"))
    assert counts == [2, 4, 5]


async def test_an_erased_user_gets_no_sample(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    await store(database, user_id, ["dome"] * 3)
    await database.one("users/delete", user_id=user_id)
    await renew_sample(database, user_id, "chunk", is_forced=True)
    assert await observer.fetchval("select count(*) from term_samples") == 0


async def test_a_sample_and_an_erasure_wait_for_each_other(database: Database, observer: Any) -> None:
    """There is no deadlock, which the server would end after a second."""
    user_id = await make_user(database)
    await store(database, user_id, ["dome"] * 3)
    await renew_sample(database, user_id, "chunk", is_forced=True)
    async with database.transaction() as transaction:
        assert await transaction.exec("terms/begin_sample", user_id=user_id, kind="chunk", text_count=3) == 1
        erasure = asyncio.create_task(erase_user(database, user_id))
        await waits_for_a_lock(observer)
        await transaction.exec(
            "terms/sample_chunks",
            user_id=user_id, salt=salt(user_id), part=2**20, max_rows=10, max_terms=10, marks=[],
        )  # fmt: skip
    erased = await erasure
    assert erased is not None
    assert erased.rows["term_samples"] == 1
    await observer.execute("select pg_stat_force_next_flush()")
    assert await observer.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0


async def test_a_user_who_is_being_erased_gets_no_sample(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    await store(database, user_id, ["dome"] * 3)
    async with database.transaction() as transaction:
        await erase_in(transaction, user_id)
        sampling = asyncio.create_task(renew_sample(database, user_id, "chunk", is_forced=True))
        await waits_for_a_lock(observer)
    await sampling
    assert await observer.fetchval("select count(*) from term_samples") == 0


async def test_a_text_in_a_new_language_renews_the_sample_and_is_marked_in_it(
    database: Database, observer: Any
) -> None:
    user_id = await make_user(database)
    terms = StoredTerms()
    keeper, queue = TermKeeper(database, terms, 7.0), Queue(database, "test", 60, terms=terms)
    await upload(database, user_id, "a.txt")
    await ingest(queue, ["dome"] * 30)
    await keeper.turn()
    assert not set(await shares_of(observer, user_id)) & set(MARKS)
    await upload(database, user_id, "b.txt")
    await ingest(queue, ["Der Dom ist nicht für den da, der das Licht der Kuppel und die Ruhe sucht."])
    await keeper.turn()
    marked = {each: share for each, share in (await shares_of(observer, user_id)).items() if each in MARKS}
    assert marked == {mark("german"): pytest.approx(1 / 31)}
    # Another text in the language waits until the tenant has grown by a fifth.
    await upload(database, user_id, "c.txt")
    await ingest(queue, ["Der Dom ist nicht für den da, der das Licht der Kuppel und die Ruhe sucht."])
    await keeper.turn()
    assert (await shares_of(observer, user_id))[mark("german")] == pytest.approx(1 / 31)
