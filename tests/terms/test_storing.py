"""Terms are stored with their texts, and stay equal to those of a new ingestion after any changes of documents."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from svc import batches
from svc.database.queries import Database
from svc.ingest.queue import Queue
from svc.jobs import sweep
from svc.routes.transfers import _transferred
from svc.terms.ahead import TEXTS_AT_ONCE
from svc.terms.weights import salt
from svc.terms.words import term
from tests.conftest import running_service, test_settings
from tests.database.conftest import make_user
from tests.routes.answers import ok
from tests.routes.tenants import new_tenant
from tests.terms.stored import expected_terms, ingest, terms_of, upload

VOCABULARY = ["observatory", "dome", "asn1_der_coding", "parseHeader", "東京", "visitors", "tickets", "evening", "code"]
STEPS = 1_000


def text_of(draw: random.Random) -> str:
    """A text of some words, occasionally one without terms."""
    return "!?" if draw.random() < 0.05 else " ".join(draw.choices(VOCABULARY, k=draw.randint(1, 30)))


async def test_chunks_get_terms_and_texts_without_terms_none(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    await upload(database, user_id, "a.txt")
    await ingest(Queue(database, "test", 60), ["The asn1_der_coding of codes", "!?", "the"])
    (stored,) = (await terms_of(observer)).values()
    own = salt(user_id)
    assert {key ^ own for key in stored[2]} == {
        term(letters) for letters in ("asn1_der_coding", "asn1", "asn", "der", "code")
    }
    assert stored[3].count(":") == 5


async def test_terms_of_a_stored_document_cost_no_second_transaction(database: Database, observer: Any) -> None:
    """A worker that loses its lease leaves no terms."""
    user_id = await make_user(database)
    await upload(database, user_id, "a.txt")
    queue = Queue(database, "test", 60)
    job = await queue.claim()
    assert job is not None
    await database.exec("documents/delete", user_id=user_id, document_ids=[job.document_id], max_parts=100)
    assert await queue.start(job) is None
    assert await terms_of(observer) == {}


async def test_the_terms_of_many_chunks_are_found_in_parts(database: Database, observer: Any) -> None:
    user_id = await make_user(database)
    await upload(database, user_id, "a.txt")
    count = 2 * TEXTS_AT_ONCE + 1
    await ingest(Queue(database, "test", 60), ["!?" if number % 7 == 3 else f"word{number}" for number in range(count)])
    stored = await terms_of(observer)
    assert stored == await expected_terms(observer, database)
    assert len(stored) == sum(number % 7 != 3 for number in range(count))


async def test_messages_get_terms(database_url: str, observer: Any) -> None:
    async with running_service(test_settings(), database_url) as service:
        tenant = await new_tenant(service)
        conversation = await tenant.conversation()
        path = f"/conversations/{conversation['id']}/messages"
        body = [{"role": "user", "content": "asn1_der_coding " * 400}, {"role": "assistant", "content": "?"}]
        ok(await tenant.post(path, json=body), 201)
        await tenant.embedded(conversation["id"])
    rows = await observer.fetch("select position, role, keys from message_terms")
    assert await observer.fetchval("select count(distinct (position)) from message_vectors") == 2
    # One row for all pieces of a message. Each has the five terms of the identifier, and those of the date.
    assert [(row["position"], row["role"], len(row["keys"])) for row in rows] == [(1, "user", 9), (2, "assistant", 4)]


async def test_terms_after_mixed_changes_equal_those_of_a_new_ingestion(
    database: Database, observer: Any, monkeypatch: Any
) -> None:
    """Inserts, replacements, deletions, left-over documents and transfers between three tenants."""
    monkeypatch.setattr(batches, "ERASED_PARTS", 3)
    draw = random.Random(11)
    users = [await make_user(database, f"user{number}@example.org") for number in range(3)]
    queue = Queue(database, "test", 60)
    documents: dict[UUID, list[UUID]] = {user: [] for user in users}
    counts = dict.fromkeys(("store", "replace", "delete", "transfer", "sweep"), 0)
    for _ in range(STEPS):
        kind = draw.choices(list(counts), weights=(5, 3, 3, 3, 1))[0]
        user = draw.choice(users)
        own = documents[user]
        counts[kind] += 1
        if kind in ("store", "replace"):
            name = f"{draw.randint(1, 4)}.txt"
            await upload(database, user, name, name if kind == "replace" else None)
            await ingest(queue, [text_of(draw) for _ in range(draw.randint(1, 5))])
            documents[user] = await _ids(observer, user)
        elif kind == "delete" and own:
            document = own.pop(draw.randrange(len(own)))
            await database.exec(
                "documents/delete", user_id=user, document_ids=[document], max_parts=batches.ERASED_PARTS
            )
        elif kind == "transfer" and own:
            receiver = draw.choice([other for other in users if other != user])
            given = draw.sample(own, min(len(own), draw.randint(1, 3)))
            await _transferred(database, user, receiver, sorted(given))
            documents[user] = [each for each in own if each not in given]
            documents[receiver] += given
        elif kind == "sweep":
            await sweep.sweep_left_over(database)
    assert min(counts.values()) > 20, counts
    stored = await terms_of(observer)
    assert len(stored) > 30
    assert stored == await expected_terms(observer, database)


async def _ids(connection: Any, user_id: UUID) -> list[UUID]:
    rows: Sequence[Any] = await connection.fetch("select id from documents where user_id = $1", user_id)
    return [row["id"] for row in rows]
