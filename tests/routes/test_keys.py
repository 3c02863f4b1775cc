from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from svc.access import authenticator as auth
from tests.conftest import Service, running_service, test_settings
from tests.routes.answers import done, ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection, new_tenant

KEY_FIELDS = {
    "id",
    "name",
    "prefix",
    "scopes",
    "collection_id",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
}


def moment(**delta: float) -> str:
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


async def test_a_new_key_works_and_is_shown_once(tenant: Tenant) -> None:
    expires_at = moment(days=30)
    created = ok(await tenant.post("/keys", json={"name": "laptop", "expires_at": expires_at}), 201)
    assert created.keys() == {"key", "api_key"}
    assert created["key"].keys() == KEY_FIELDS
    assert created["key"]["name"] == "laptop"
    assert created["api_key"].startswith(created["key"]["prefix"])
    assert datetime.fromisoformat(created["key"]["expires_at"]) == datetime.fromisoformat(expires_at)
    assert (created["key"]["revoked_at"], created["key"]["last_used_at"]) == (None, None)
    assert ok(await tenant.service.call("GET", "/me", created["api_key"]))["id"] == tenant.id
    listed = await tenant.get("/keys")
    assert created["api_key"] not in listed.text
    assert ok(listed)["data"][0]["id"] == created["key"]["id"]


async def test_the_list_shows_every_key_newest_first(tenant: Tenant) -> None:
    created = [ok(await tenant.post("/keys", json={"name": name}), 201)["key"]["id"] for name in ("one", "two")]
    done(await tenant.delete(f"/keys/{created[0]}"))
    keys = ok(await tenant.get("/keys"))["data"]
    assert [key["name"] for key in keys] == ["two", "one", "first key"]
    assert [key["revoked_at"] is not None for key in keys] == [False, True, False]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "n" * 256}, "name"),
    ({"name": "nul\x00"}, "name"),
    ({"name": 7}, "name"),
    ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
    ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
    ({"expires_at": "2999-02-30T00:00:00Z"}, "expires_at"),
    ({"expires_at": "tomorrow"}, "expires_at"),
    ({"expires_at": 4102444800}, "expires_at"),
    ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
    ({"expires_at": "0001-01-01T00:00:00+23:59"}, "expires_at"),
    ({"prefix": "cab_mine"}, "prefix"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_is_named(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    problem(await tenant.post("/keys", json=body), 422, field)
    assert len(ok(await tenant.get("/keys"))["data"]) == 1


async def test_a_checked_key_costs_no_statement_while_it_is_cached(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: now))
    lookups = []
    for moment_s in (0.0, 0.1, 4.9, 5.0, 5.1, 9.9, 10.0):
        now = moment_s
        lookups.append(statements(await tenant.get("/me")) - 1)
        acting = await tenant.service.call("GET", "/me", headers={"Cabinet-User": tenant.id})
        assert statements(acting) - 1 == lookups[-1]
    assert tenant.service.services.settings.key_cache_s == 5
    assert lookups == [1, 0, 0, 1, 0, 0, 1]


async def test_a_revoked_key_stops_at_once(tenant: Tenant) -> None:
    created = ok(await tenant.post("/keys", json={}), 201)
    again = Tenant(tenant.service, tenant.id, created["api_key"])
    ok(await again.get("/me"))
    ok(await again.get("/me"))
    done(await tenant.delete(f"/keys/{created['key']['id']}"))
    problem(await again.get("/me"), 401)
    assert ok(await tenant.get("/me"))["id"] == tenant.id, "the user's other key must still work"
    done(await tenant.delete(f"/keys/{created['key']['id']}"))


async def test_a_key_can_revoke_itself(tenant: Tenant) -> None:
    own = ok(await tenant.get("/keys"))["data"][0]["id"]
    done(await tenant.delete(f"/keys/{own}"))
    problem(await tenant.get("/keys"), 401)


async def test_revoking_again_keeps_the_first_timestamp(tenant: Tenant) -> None:
    key_id = ok(await tenant.post("/keys", json={}), 201)["key"]["id"]
    done(await tenant.delete(f"/keys/{key_id}"))
    first = ok(await tenant.get("/keys"))["data"][0]["revoked_at"]
    done(await tenant.delete(f"/keys/{key_id}"))
    assert ok(await tenant.get("/keys"))["data"][0]["revoked_at"] == first


async def test_a_key_stops_when_it_expires_even_while_it_is_cached(tenant: Tenant) -> None:
    # Longer where the machine is so busy that the key has expired before its first use.
    for lifetime_s in (1.5, 15, 100):
        created = ok(await tenant.post("/keys", json={"expires_at": moment(seconds=lifetime_s)}), 201)
        again = Tenant(tenant.service, tenant.id, created["api_key"])
        if (await again.get("/me")).status_code == 200:
            break
    else:
        raise AssertionError("a new key is refused")
    left = datetime.fromisoformat(created["key"]["expires_at"]) - datetime.now(UTC)
    await asyncio.sleep(left.total_seconds() + 0.05)
    problem(await again.get("/me"), 401)


async def test_a_key_of_another_user_is_not_found(tenant: Tenant, other: Tenant) -> None:
    theirs = ok(await other.get("/keys"))["data"][0]["id"]
    problem(await tenant.delete(f"/keys/{theirs}"), 404)
    assert ok(await other.get("/me"))["id"] == other.id
    problem(await tenant.delete(f"/keys/{uuid4()}"), 404)
    problem(await tenant.delete("/keys/no-id"), 404)


async def test_the_last_use_is_recorded_once_a_minute(database_url: str) -> None:
    async with running_service(test_settings(key_cache_s=0, worker_concurrency=0), database_url) as service:
        tenant = await new_tenant(service)

        async def last_used() -> datetime | None:
            async with direct_connection(service) as connection:
                value: datetime | None = await connection.fetchval("select last_used_at from api_keys")
            return value

        assert await last_used() is None
        ok(await tenant.get("/me"))
        first = await last_used()
        assert first is not None
        assert abs(first - datetime.now(UTC)) < timedelta(seconds=10)
        ok(await tenant.get("/me"))
        assert await last_used() == first, "it is written at most once a minute"
        async with direct_connection(service) as connection:
            await connection.execute("update api_keys set last_used_at = now() - interval '61 seconds'")
        ok(await tenant.get("/me"))
        moved = await last_used()
        assert moved is not None
        assert moved >= first
        shown = ok(await tenant.get("/keys"))["data"][0]["last_used_at"]
        assert datetime.fromisoformat(shown) == moved


async def test_recording_the_last_use_never_waits(database_url: str) -> None:
    """Another session locks the key's row, and the request does not wait for it."""
    async with running_service(test_settings(key_cache_s=0, worker_concurrency=0), database_url) as service:
        tenant = await new_tenant(service)
        async with direct_connection(service) as connection, connection.transaction():
            await connection.execute("select 1 from api_keys where user_id = $1 for update", UUID(tenant.id))
            async with asyncio.timeout(3):
                assert ok(await tenant.get("/me"))["id"] == tenant.id


async def test_the_admin_creates_and_revokes_keys_for_a_user(shared: Service, tenant: Tenant) -> None:
    acting = {"Cabinet-User": tenant.id}
    created = ok(await shared.call("POST", "/keys", json={"name": "by the admin"}, headers=acting), 201)
    assert ok(await shared.call("GET", "/me", created["api_key"]))["id"] == tenant.id
    done(await shared.call("DELETE", f"/keys/{created['key']['id']}", headers=acting))
    problem(await shared.call("GET", "/me", created["api_key"]), 401)
