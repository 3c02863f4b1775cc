"""Users who sign in with tokens of an identity provider."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.access.identity_provider import AUDIENCE, ISSUER, OTHER_RSA_KEY, Provider, running_provider, token
from tests.conftest import ADMIN_KEY, Service, fresh_database, running_service, test_settings
from tests.routes.answers import ok, problem
from tests.routes.tenants import direct_connection


@asynccontextmanager
async def signing_in(server: EmbeddedServer, template: str, **changes: Any) -> AsyncIterator[tuple[Service, Provider]]:
    """A service that trusts a provider."""
    async with running_provider() as provider, fresh_database(server, template) as url:
        settings = test_settings(
            jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks_url=provider.url, worker_concurrency=0, **changes
        )
        async with running_service(settings, url) as service:
            yield service, provider


@pytest_asyncio.fixture
async def both(server: EmbeddedServer, template: str) -> AsyncIterator[tuple[Service, Provider]]:
    """A service that creates no users."""
    async with signing_in(server, template) as running:
        yield running


@pytest_asyncio.fixture
async def creating(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service that creates users when their token is first used."""
    async with signing_in(server, template, jwt_create_users=True) as (service, _):
        yield service


async def user(service: Service, external_id: str) -> str:
    body = {"email": f"{uuid.uuid4().hex}@example.org", "external_id": external_id}
    return str(ok(await service.call("POST", "/users", json=body), 201)["user"]["id"])


async def test_two_users_sign_in_and_see_only_their_own(both: tuple[Service, Provider]) -> None:
    service, provider = both
    ids = {name: await user(service, name) for name in ("ada", "eve")}
    for name, algorithm in (("ada", "RS256"), ("eve", "ES256")):
        key = token(name, algorithm=algorithm)
        assert ok(await service.call("GET", "/me", key))["id"] == ids[name]
        ok(await service.call("POST", "/documents", key, json={"filename": f"{name}.txt", "content": name}), 202)
    for name, user_id in ids.items():
        # Another token of the same user.
        listed = ok(await service.call("GET", "/documents", token(name, jti="2")))["data"]
        assert [document["filename"] for document in listed] == [f"{name}.txt"]
        document = listed[0]["id"]
        others = token("eve" if name == "ada" else "ada")
        problem(await service.call("GET", f"/documents/{document}", others), 404)
        problem(await service.call("GET", f"/users/{user_id}", others), 404)
    problem(await service.call("GET", "/users", token("ada")), 403)
    problem(await service.call("GET", "/me", token("ada"), headers={"Cabinet-User": ids["eve"]}), 403, "Cabinet-User")
    assert provider.asked == 1


async def test_a_cached_token_costs_no_statement_until_it_expires(both: tuple[Service, Provider]) -> None:
    service, _ = both
    await user(service, "ada")
    # Longer where the machine is so busy that the token has expired before its first use.
    for lifetime_s in (2, 15, 100):
        key = token("ada", exp=int(time.time()) - 30 + lifetime_s)
        if (await service.call("GET", "/me", key)).status_code == 200:
            break
    else:
        raise AssertionError("a new token is refused")
    await asyncio.sleep(lifetime_s + 1)
    assert "expired" in problem(await service.call("GET", "/me", key), 401)["detail"]


async def test_a_token_of_an_unknown_or_erased_user_is_refused(both: tuple[Service, Provider]) -> None:
    service, _ = both
    said = problem(await service.call("GET", "/me", token("ada")), 401)["detail"]
    assert said == "there is no user whose external id is the subject (sub) of the token"
    user_id, key = await user(service, "ada"), token("ada")
    ok(await service.call("GET", "/me", key))
    ok(await service.call("DELETE", f"/users/{user_id}"))
    problem(await service.call("GET", "/me", key), 401)
    problem(await service.call("POST", "/conversations", key, json={}), 401)
    # A new user of the same subject is another user.
    again = await user(service, "ada")
    assert ok(await service.call("GET", "/me", key))["id"] == again != user_id


async def test_a_subject_that_is_given_to_another_user_names_that_one(both: tuple[Service, Provider]) -> None:
    service, _ = both
    first, second, key = await user(service, "ada"), await user(service, "eve"), token("ada")
    assert ok(await service.call("GET", "/me", key))["id"] == first
    ok(await service.call("PATCH", f"/users/{first}", json={"external_id": None}))
    problem(await service.call("GET", "/me", key), 401)
    ok(await service.call("PATCH", f"/users/{second}", json={"external_id": "ada"}))
    assert ok(await service.call("GET", "/me", key))["id"] == second


async def test_a_user_is_created_once_by_the_first_request(creating: Service) -> None:
    key = token("auth0|ada", email="ada@example.org", email_verified=True, name="Ada")
    answers = await asyncio.gather(*(creating.call("GET", "/me", key) for _ in range(8)))
    assert len({ok(answer)["id"] for answer in answers}) == 1
    me = ok(answers[0])
    assert (me["external_id"], me["email"], me["name"], me["plan"]) == (
        "auth0|ada", "ada@example.org", "Ada", "enterprise",
    )  # fmt: skip
    assert ok(await creating.call("GET", "/keys", key))["data"] == []
    ok(await creating.call("POST", "/keys", key, json={}), 201)
    assert len(ok(await creating.call("GET", "/users"))["data"]) == 1


async def test_a_new_user_never_takes_over_the_one_who_has_the_address(creating: Service) -> None:
    created = ok(await creating.call("POST", "/users", json={"email": "ada@example.org"}), 201)
    made_up = set()
    cases: list[dict[str, Any]] = [
        {"email": "ADA@example.org", "email_verified": True},
        {"email": "new@example.org", "email_verified": False},
        {"email": "no address", "email_verified": True},
        {"email": "a\0@example.org", "email_verified": True, "name": "a\0"},
        {"email": "x" * 400 + "@example.org", "email_verified": True, "name": "n" * 300},
        {"email": 5, "email_verified": True, "name": ["Ada"]},
    ]
    for number, claims in enumerate(cases):
        me = ok(await creating.call("GET", "/me", token(f"subject {number}", **claims)))
        assert me["id"] != created["user"]["id"]
        assert me["email"].endswith("@token.invalid")
        made_up.add(me["email"])
    assert len(made_up) == 6


async def test_an_erased_user_comes_back_empty_where_users_are_created(creating: Service) -> None:
    key = token("ada")
    first = ok(await creating.call("GET", "/me", key))
    ok(await creating.call("POST", "/conversations", key, json={"title": "old"}), 201)
    ok(await creating.call("DELETE", f"/users/{first['id']}", key))
    second = ok(await creating.call("GET", "/me", key))
    assert second["id"] != first["id"]
    assert ok(await creating.call("GET", "/conversations", key))["data"] == []


async def test_a_user_erased_by_another_server_is_refused_while_cached(both: tuple[Service, Provider]) -> None:
    service, _ = both
    user_id, key = await user(service, "ada"), token("ada")
    ok(await service.call("GET", "/me", key))
    async with direct_connection(service) as connection:
        await connection.execute("delete from users where id = $1", uuid.UUID(user_id))
    problem(await service.call("POST", "/conversations", key, json={}), 401)


async def test_keys_still_work_beside_tokens(both: tuple[Service, Provider]) -> None:
    service, provider = both
    _, key = await service.user("ada@example.org")
    ok(await service.call("GET", "/me", key))
    ok(await service.call("GET", "/users", ADMIN_KEY))
    assert "incomplete or mistyped" in problem(await service.call("GET", "/me", "a.b"), 401)["detail"]
    assert "incomplete or mistyped" in problem(await service.call("GET", "/me", "a.b.c.d"), 401)["detail"]
    assert provider.asked == 0


async def test_a_client_that_guesses_tokens_is_slowed_down_and_others_are_not(both: tuple[Service, Provider]) -> None:
    """Behind one proxy all clients have one address."""
    service, provider = both
    await user(service, "ada")
    wrong = [token(key=OTHER_RSA_KEY, jti=str(number)) for number in range(60)]
    statuses = [(await service.call("GET", "/me", key)).status_code for key in wrong]
    assert statuses[:50] == [401] * 50
    assert 429 in statuses[50:]
    ok(await service.call("GET", "/me", token("ada", jti="new")))
    answer = await service.call("GET", "/me", token(key=OTHER_RSA_KEY, head={"kid": "unknown"}))
    assert answer.status_code in (401, 429)
    assert provider.asked == 1


async def test_an_unreachable_provider_is_reported_and_no_connection_is_held(
    server: EmbeddedServer, template: str
) -> None:
    async with signing_in(server, template, pool_size=2, pool_min_size=1) as (service, provider):
        await user(service, "ada")
        provider.wait_s = 1.5
        waiting = [asyncio.create_task(service.call("GET", "/me", token("ada", jti=str(n)))) for n in range(10)]
        await asyncio.sleep(0.2)
        ok(await service.call("GET", "/users"))
        assert not any(task.done() for task in waiting)
        assert {ok(await task)["external_id"] for task in waiting} == {"ada"}
        assert provider.asked == 1
    async with signing_in(server, template) as (service, provider):
        provider.serve(b"", "500 Internal Server Error")
        assert "identity provider" in problem(await service.call("GET", "/me", token()), 503)["detail"]
        _, key = await service.user("eve@example.org")
        ok(await service.call("GET", "/me", key))


async def test_without_the_setting_a_token_is_no_key(service: Service) -> None:
    assert "API key is unknown" in problem(await service.call("GET", "/me", token()), 401)["detail"]
