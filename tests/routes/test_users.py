from __future__ import annotations

import asyncio
import unicodedata
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import numpy as np
import pytest

from svc.database.queries import Database, Transaction
from svc.ingest.chunk import TextChunk
from svc.ingest.queue import Queue
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of

USER_FIELDS = {"id", "external_id", "email", "name", "plan", "preferences", "created_at", "updated_at"}


def fresh_email(local: str = "someone") -> str:
    return f"{local}.{uuid.uuid4().hex}@example.org"


async def test_a_new_user_has_a_key_that_works(shared: Service) -> None:
    email = fresh_email()
    created = ok(await shared.call("POST", "/users", json={"email": email}), 201)
    assert created.keys() == {"user", "api_key"}
    assert created["user"].keys() == USER_FIELDS
    assert (created["user"]["email"], created["user"]["name"]) == (email, None)
    assert (created["user"]["plan"], created["user"]["preferences"]) == ("enterprise", {})
    assert created["api_key"].startswith("cab_")
    assert len(created["api_key"]) > 40
    assert ok(await shared.call("GET", "/me", created["api_key"])) == created["user"]


async def test_a_new_user_reads_back_as_it_was_sent(shared: Service) -> None:
    body = {
        "email": fresh_email("Ada"),
        "name": "Ada 🦊 Lovelace",
        "plan": "enterprise",
        "preferences": {"theme": "dark", "ratio": 0.25, "tags": ["a", None, True], "größe": {"deep": [1, -2]}},
    }
    created = ok(await shared.call("POST", "/users", json=body), 201)
    user = ok(await shared.call("GET", f"/users/{created['user']['id']}"))
    assert {field: user[field] for field in body} == body


async def test_the_key_is_shown_only_once(shared: Service) -> None:
    created = ok(await shared.call("POST", "/users", json={"email": fresh_email()}), 201)
    user_id, key = created["user"]["id"], created["api_key"]
    for path in ("/users", f"/users/{user_id}", "/me", "/keys"):
        by = key if path in ("/me", "/keys") else None
        text = (await shared.call("GET", path, **({"key": by} if by else {}))).text
        assert key not in text
    async with direct_connection(shared) as connection:
        stored = await connection.fetchval("select api_keys::text from api_keys where user_id = $1", uuid.UUID(user_id))
    assert key[12:] not in stored


async def test_an_address_is_stored_and_found_composed(shared: Service) -> None:
    number = uuid.uuid4().hex
    composed, decomposed = f"\u00e9.{number}@example.org", f"e\u0301.{number}@example.org"
    user = ok(await shared.call("POST", "/users", json={"email": decomposed}), 201)["user"]
    assert user["email"] == composed
    for spelling in (composed, decomposed, decomposed.upper()):
        found = ok(await shared.call("GET", "/users", params={"email": spelling}))["data"]
        assert [one["id"] for one in found] == [user["id"]]
    # The composed form of these letters is longer.
    long = "\u0958" * 300 + "@example.org"
    problem(await shared.call("POST", "/users", json={"email": long}), 422, "email")


async def test_an_address_that_was_stored_decomposed_is_found(service: Service, observer: Any) -> None:
    user = ok(await service.call("POST", "/users", json={"email": fresh_email()}), 201)["user"]
    await observer.execute("UPDATE users SET email = $1 WHERE id = $2", "e\u0301@example.org", uuid.UUID(user["id"]))
    found = ok(await service.call("GET", "/users", params={"email": "e\u0301@example.org"}))["data"]
    assert [one["id"] for one in found] == [user["id"]]


@pytest.mark.parametrize(
    ("email", "same"),
    [
        ("Ada.{}@Example.org", "aDA.{}@eXAMPLE.ORG"),
        ("jörg.{}@exämple.de", "JÖRG.{}@EXÄMPLE.DE"),
        ("иван.{}@почта.рф", "ИВАН.{}@Почта.РФ"),
        ("ÅSE.{}@ØL.no", "åse.{}@øl.no"),
        # The letters of one, and a letter and an accent of the other, are the same to the reader.
        ("jo\u0308rg.{}@example.org", "j\u00f6rg.{}@example.org"),
        ("j\u00f6rg.{}@example.org", "JO\u0308RG.{}@example.org"),
    ],
)
async def test_email_addresses_are_unique_without_regard_to_case(shared: Service, email: str, same: str) -> None:
    number = uuid.uuid4().hex
    email, same = email.format(number), same.format(number)
    first = ok(await shared.call("POST", "/users", json={"email": email}), 201)["user"]
    problem(await shared.call("POST", "/users", json={"email": same}), 409, "email")
    second = ok(await shared.call("POST", "/users", json={"email": fresh_email()}), 201)
    refused = await shared.call("PATCH", f"/users/{second['user']['id']}", second["api_key"], json={"email": same})
    problem(refused, 409, "email")
    assert ok(await shared.call("GET", "/me", second["api_key"]))["email"] == second["user"]["email"]
    # A user can change the case of their own address.
    assert ok(await shared.call("PATCH", f"/users/{first['id']}", json={"email": same}))[
        "email"
    ] == unicodedata.normalize("NFC", same)


async def test_one_of_two_concurrent_users_with_the_same_address_is_created(shared: Service) -> None:
    email = fresh_email()
    bodies = [{"email": email}, {"email": email.upper()}] * 3
    answers = await asyncio.gather(*(shared.call("POST", "/users", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


async def test_a_refused_user_leaves_nothing_behind(service: Service) -> None:
    await service.user("ada@example.org")
    problem(await service.call("POST", "/users", json={"email": "ADA@example.org"}), 409, "email")
    assert len(ok(await service.call("GET", "/users"))["data"]) == 1
    async with direct_connection(service) as connection:
        assert await connection.fetchval("select count(*) from api_keys") == 1


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"email": None}, "email"),
    ({"email": 5}, "email"),
    ({"email": "a@"}, "email"),
    ({"email": "no at sign"}, "email"),
    ({"email": "two@at@signs"}, "email"),
    ({"email": "with space@example.org"}, "email"),
    ({"email": "nul\x00@example.org"}, "email"),
    ({"email": "line@example.org\n"}, "email"),
    ({"email": "a" * 309 + "@example.org"}, "email"),
    ({"name": "n" * 256}, "name"),
    ({"name": "nul\x00"}, "name"),
    ({"name": 5}, "name"),
    ({"name": ["Ada"]}, "name"),
    ({"plan": "gold"}, "plan"),
    ({"plan": None}, "plan"),
    ({"preferences": None}, "preferences"),
    ({"preferences": []}, "preferences"),
    ({"preferences": "{}"}, "preferences"),
    ({"preferences": {"a": ["fine", {"b": "nul\x00"}]}}, "preferences.a[1].b"),
    ({"preferences": {"nul\x00": 1}}, "preferences (a key)"),
    ({"preferences": {"n": 2**63}}, "preferences.n"),
    ({"preferences": {"n": [-(2**64)]}}, "preferences.n[0]"),
    ({"preferences": {"text": "x" * 16_384}}, "preferences"),
    ({"id": str(uuid.uuid4())}, "id"),
    ({"api_key": "cab_mine"}, "api_key"),
]


@pytest.mark.parametrize(("change", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_is_named(shared: Service, tenant: Tenant, change: dict[str, Any], field: str) -> None:
    problem(await shared.call("POST", "/users", json={"email": fresh_email(), **change}), 422, field)
    before = ok(await tenant.get("/me"))
    problem(await shared.call("PATCH", f"/users/{tenant.id}", json=change), 422, field)
    assert ok(await tenant.get("/me")) == before


async def test_an_email_address_is_required(shared: Service) -> None:
    problem(await shared.call("POST", "/users", json={}), 422, "email")


async def test_the_longest_values_are_accepted(shared: Service) -> None:
    email = "a" * 300 + fresh_email("")[-20:]
    body = {"email": email, "name": "🦊" * 255}
    created = ok(await shared.call("POST", "/users", json=body), 201)["user"]
    assert (created["email"], created["name"]) == (email, "🦊" * 255)


async def test_the_list_is_newest_first_and_for_the_admin(service: Service) -> None:
    ids = [(await service.user(f"u{number}@example.org"))[0] for number in range(3)]
    listed = ok(await service.call("GET", "/users"))
    assert listed.keys() == {"data", "next"}
    assert [user["id"] for user in listed["data"]] == ids[::-1]
    assert all(user.keys() == USER_FIELDS for user in listed["data"])
    assert listed["next"] is None


async def test_users_see_themselves_and_the_admin_sees_all(shared: Service, tenant: Tenant, other: Tenant) -> None:
    own = ok(await tenant.get(f"/users/{tenant.id}"))
    assert own["id"] == tenant.id
    assert ok(await shared.call("GET", f"/users/{tenant.id}")) == own
    problem(await tenant.get(f"/users/{other.id}"), 404)


async def test_a_change_keeps_omitted_fields(shared: Service) -> None:
    body = {"email": fresh_email(), "name": "Ada", "plan": "pro", "preferences": {"theme": "dark"}}
    created = ok(await shared.call("POST", "/users", json=body), 201)
    user, key = created["user"], created["api_key"]
    path = f"/users/{user['id']}"
    new_email = fresh_email("new")
    changes: list[dict[str, Any]] = [
        {"name": "Grace"}, {"name": None}, {"email": new_email}, {"preferences": {"size": 2}}, {"preferences": {}}, {},
    ]  # fmt: skip
    for change in changes:
        changed = ok(await shared.call("PATCH", path, key, json=change))
        expected = {**user, **change, "updated_at": changed["updated_at"]}
        assert changed == expected
        assert changed["updated_at"] > user["updated_at"]
        assert ok(await shared.call("GET", path, key)) == changed
        user = changed


async def test_only_the_admin_changes_the_plan(shared: Service, tenant: Tenant) -> None:
    refused = await tenant.patch(f"/users/{tenant.id}", json={"plan": "free", "name": "also not changed"})
    problem(refused, 403, "plan")
    assert ok(await tenant.get("/me"))["plan"] == "enterprise"
    assert ok(await tenant.get("/me"))["name"] is None
    assert ok(await shared.call("PATCH", f"/users/{tenant.id}", json={"plan": "pro"}))["plan"] == "pro"


async def test_deleting_a_user_deletes_all_their_data(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("a.txt", "All of this goes.")
    conversation = await tenant.conversation(document_ids=[document["id"]])
    await tenant.post(f"/conversations/{conversation['id']}/messages", json={"role": "user", "content": "Hello"})
    stored = await rows_of(shared, tenant.id)
    assert {"documents", "chunks", "chunk_vectors", "chunk_terms", "tenant_totals", "messages"} <= stored.keys()

    ok(await tenant.delete(f"/users/{tenant.id}"))

    assert await rows_of(shared, tenant.id) == {}
    problem(await tenant.get("/me"), 401)
    problem(await shared.call("GET", f"/users/{tenant.id}"), 404)
    problem(await shared.call("DELETE", f"/users/{tenant.id}"), 404)
    problem(await shared.call("GET", "/documents", headers={"Cabinet-User": tenant.id}), 404, "Cabinet-User")


async def test_deleting_a_user_removes_their_uploads_from_the_queue(idle: Service) -> None:
    """The queue has no foreign key, so only the statement deletes its rows."""
    tenant, other = await new_tenant(idle), await new_tenant(idle)
    await tenant.upload("a.txt", "text")
    await other.upload("b.txt", "text")
    ok(await tenant.delete(f"/users/{tenant.id}"))
    assert await rows_of(idle, tenant.id) == {}
    assert (await rows_of(idle, other.id))["ingestion_jobs"] == 1


class SteppingTransaction(Transaction):
    """A transaction whose last statement waits for an event."""

    def __init__(self, transaction: Transaction, stored: asyncio.Event, may_finish: asyncio.Event) -> None:
        super().__init__(
            transaction.statements, transaction._held, transaction.statement_s,
            has_row_security=transaction.has_row_security,
        )  # fmt: skip
        self._stored, self._may_finish = stored, may_finish

    async def exec_by_name(self, name: str, arguments: Mapping[str, Any]) -> int:
        if name == "ingest/finish":
            self._stored.set()
            await self._may_finish.wait()
        return await super().exec_by_name(name, arguments)


class SteppingDatabase:
    """A database whose transactions wait in this way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.stored, self.may_finish = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as transaction:
            yield SteppingTransaction(transaction, self.stored, self.may_finish)


async def test_deleting_a_user_while_a_document_of_theirs_is_stored(idle: Service) -> None:
    """The user is deleted when the worker has stored the document and is about to delete its job."""
    tenant = await new_tenant(idle)
    await tenant.upload("a.txt", "text")
    stepping = SteppingDatabase(idle.services.database)
    queue = Queue(cast(Database, stepping), "test", 60)
    job = await Queue(idle.services.database, "test", 60).claim()
    assert job is not None
    assert await Queue(idle.services.database, "test", 60).start(job) is not None
    storing = asyncio.create_task(queue.store(job, [TextChunk("text", 1, {})], np.ones((1, 256), dtype=np.float16)))
    await stepping.stored.wait()
    deleting = asyncio.create_task(tenant.delete(f"/users/{tenant.id}"))
    await asyncio.sleep(0.3)
    stepping.may_finish.set()
    await asyncio.wait([storing, deleting])
    ok(deleting.result())
    assert storing.exception() is None
    assert await rows_of(idle, tenant.id) == {}


async def test_only_the_admin_deletes_other_users(shared: Service, tenant: Tenant, other: Tenant) -> None:
    problem(await tenant.delete(f"/users/{other.id}"), 404)
    assert ok(await other.get("/me"))["id"] == other.id
    ok(await shared.call("GET", "/documents", headers={"Cabinet-User": other.id}))
    ok(await shared.call("DELETE", f"/users/{other.id}"))
    problem(await other.get("/me"), 401)
    problem(await shared.call("GET", "/documents", headers={"Cabinet-User": other.id}), 404, "Cabinet-User")


async def test_a_key_that_outlives_its_user_in_the_cache_is_refused(shared: Service, tenant: Tenant) -> None:
    """Another server has deleted the user: this server still has the key in its cache, and the foreign key fails."""
    ok(await tenant.get("/me"))
    async with direct_connection(shared) as connection:
        await connection.execute("delete from users where id = $1", uuid.UUID(tenant.id))
    for path, body in (("/conversations", {}), ("/keys", {}), ("/documents", {"filename": "a.txt", "content": "a"})):
        problem(await tenant.post(path, json=body), 401)
    problem(await tenant.get("/me"), 404)


async def test_a_user_is_found_by_their_email_address(shared: Service) -> None:
    tenant = await new_tenant(shared)
    user = ok(await tenant.get("/me"))
    for email in (user["email"], user["email"].upper()):
        found = ok(await shared.call("GET", "/users", params={"email": email}))
        assert found == {"data": [user], "next": None}
    for email in ("", "nobody@example.org", user["email"][1:], "%"):
        assert ok(await shared.call("GET", "/users", params={"email": email}))["data"] == []
    problem(await shared.call("GET", "/users", params={"email": "a\x00"}), 422, "email")
