"""`cabinet user` and `cabinet key`: users are named by id, email address or external id."""

from __future__ import annotations

import json

import pytest

from tests.test_plan_commands import cabinet, cells, in_main_thread

__all__ = ["in_main_thread"]


async def test_users_and_keys_are_listed_and_named_in_three_ways(database_url: str) -> None:
    ada = (await cabinet(database_url, "user", "create", "ada@example.org", "--external-id", "customer 42")).split()[1]
    await cabinet(database_url, "user", "create", "eve@example.org")
    listed = cells(await cabinet(database_url, "user", "list"))
    newest = json.loads(await cabinet(database_url, "user", "list", "--json", "--limit", "1"))

    assert listed[0] == ["user", "external id", "email", "name", "plan", "created"]
    assert [row[2] for row in listed[1:]] == ["eve@example.org", "ada@example.org"]
    assert listed[2][:2] == [ada, "customer 42"]
    assert newest["email"] == "eve@example.org"
    for name in (ada, "ADA@example.org", "customer 42", "external:customer 42"):
        assert ada in await cabinet(database_url, "user", "show", name)
        assert await cabinet(database_url, "user", "set-plan", name, "pro") == "plan pro\n"
        assert len(cells(await cabinet(database_url, "usage", "show", name))) == 1
        assert "api keys: 1" in await cabinet(database_url, "usage", "recount", name)
    key_id = (await cabinet(database_url, "key", "create", "customer 42", "--scope", "read", "--name", "page")).split()[
        1
    ]
    keys = cells(await cabinet(database_url, "key", "list", "ada@example.org"))
    revoked = await cabinet(database_url, "key", "revoke", "ada@example.org", key_id)

    assert [row[1] for row in keys] == ["name", "page", "first key"]
    assert [row[3] for row in keys] == ["scopes", "read", "read, write"]
    assert revoked == f"revoked {key_id}\n"
    assert cells(await cabinet(database_url, "key", "list", "customer 42"))[1][7]


@pytest.mark.parametrize("name", ["nobody", "nobody@example.org", "0198c0de-0000-7000-8000-000000000000", "external:"])
@pytest.mark.parametrize("words", ["user show", "key list", "key create", "usage show", "usage recount", "export"])
async def test_an_unknown_user_is_named(database_url: str, words: str, name: str) -> None:
    assert f"there is no user {name}" in await cabinet(database_url, *words.split(), name, exit_code=2)


async def test_an_external_id_is_unique_and_checked(database_url: str) -> None:
    await cabinet(database_url, "user", "create", "ada@example.org", "--external-id", "x")
    for words, said in ((["x"], "another user has this external id"), ([""], "external_id must")):
        refused = await cabinet(database_url, "user", "create", "b@example.org", "--external-id", *words, exit_code=2)
        assert said in " ".join(refused.split())
