"""Lists of documents and conversations: order, ids, filter and count."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant

SORTS = ["created_at", "updated_at", "filename", "file_size"]


async def some_documents(service: Service) -> Tenant:
    """Documents of which several have the same size, name and time."""
    tenant = await new_tenant(service)
    for number in range(9):
        await tenant.upload(f"{number % 3}é.txt", "x" * (1 + number % 4), n=number)
    async with direct_connection(service) as connection:
        await connection.execute(
            "update documents set created_at = timestamptz '2025-01-01Z' + (file_size % 2) * interval '1 microsecond',"
            " updated_at = timestamptz '2025-02-01Z' - file_size * interval '1 day' where user_id = $1::uuid",
            tenant.id,
        )
    return tenant


async def every_page(tenant: Tenant, path: str, **parameters: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        answer = ok(await tenant.get(path, params={"limit": 2, **parameters, **after}))
        items += answer["data"]
        if answer["next"] is None:
            return items
        after = {"after": answer["next"]}


def value_of(item: dict[str, Any], field: str) -> Any:
    return datetime.fromisoformat(item[field]) if field.endswith("_at") else item[field]


@pytest.mark.parametrize("sort", [f"{sign}{field}" for field in SORTS for sign in ("", "-")])
async def test_documents_in_an_order(quiet: Service, sort: str) -> None:
    tenant = await some_documents(quiet)
    field, is_descending = sort.lstrip("-"), sort.startswith("-")
    everything = ok(await tenant.get("/documents"))["data"]
    expected = sorted(everything, key=lambda item: (value_of(item, field), item["id"]), reverse=is_descending)
    assert await every_page(tenant, "/documents", sort=sort) == expected
    filter_ = json.dumps({"type": "lt", "key": "n", "value": 7})
    assert await every_page(tenant, "/documents", sort=sort, filter=filter_) == [
        item for item in expected if item["metadata"]["n"] < 7
    ]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at"])
async def test_conversations_in_an_order(quiet: Service, sort: str) -> None:
    tenant = await new_tenant(quiet)
    ids = [(await tenant.conversation(title=f"{n}", metadata={"n": n}))["id"] for n in range(5)]
    ok(await tenant.patch(f"/conversations/{ids[2]}", json={"title": "changed"}))
    everything = ok(await tenant.get("/conversations"))["data"]
    expected = sorted(everything, key=lambda item: item[sort.lstrip("-")], reverse=sort.startswith("-"))
    assert await every_page(tenant, "/conversations", sort=sort) == expected
    filter_ = json.dumps({"type": "or", "filters": [
        {"type": "eq", "key": "title", "value": "changed"}, {"type": "eq", "key": "n", "value": 4},
    ]})  # fmt: skip
    found = await every_page(tenant, "/conversations", sort=sort, filter=filter_)
    assert found == [item for item in expected if item["id"] in (ids[2], ids[4])]
    problem(await tenant.get("/conversations", params={"recent": 1, "sort": sort}), 422, "recent")


async def test_the_items_of_some_ids(quiet: Service) -> None:
    tenant = await some_documents(quiet)
    everything = ok(await tenant.get("/documents"))["data"]
    chosen = [everything[5], everything[1]]
    answer = ok(await tenant.get("/documents", params={"ids": ",".join(item["id"] for item in chosen)}))
    assert answer["data"] == [everything[1], everything[5]]
    for wrong in ("", ",", "no-id", ",".join([everything[0]["id"]] * 101)):
        problem(await tenant.get("/documents", params={"ids": wrong}), 422, "ids")


async def test_the_number_of_items(quiet: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = await some_documents(quiet)
    answer = ok(await tenant.get("/documents", params={"count": "true", "limit": 2}))
    assert (answer["count"], answer["count_is_exact"], len(answer["data"])) == (9, True, 2)
    filter_ = json.dumps({"type": "lt", "key": "n", "value": 3})
    answer = ok(await tenant.get("/documents", params={"count": "true", "limit": 2, "filter": filter_}))
    assert (answer["count"], answer["count_is_exact"]) == (3, True)
    assert "count" not in ok(await tenant.get("/documents"))
    monkeypatch.setattr("svc.routes.documents.MAX_COUNT", 4)
    answer = ok(await tenant.get("/documents", params={"count": "true"}))
    assert (answer["count"], answer["count_is_exact"]) == (4, False)


async def test_a_cursor_belongs_to_its_order(quiet: Service) -> None:
    tenant = await some_documents(quiet)
    cursor = ok(await tenant.get("/documents", params={"limit": 2, "sort": "filename"}))["next"]
    for sort in ("-filename", "file_size", "created_at"):
        detail = problem(await tenant.get("/documents", params={"sort": sort, "after": cursor}), 422, "after")["detail"]
        assert "sort=filename" in detail
    problem(await tenant.get("/documents", params={"after": cursor}), 422, "after")
    plain = ok(await tenant.get("/documents", params={"limit": 2}))["next"]
    for wrong in (plain, "", "x", "AAAA", cursor[:-4], cursor + "AAAA", "é"):
        problem(await tenant.get("/documents", params={"sort": "filename", "after": wrong}), 422, "after")
    problem(await tenant.get("/documents", params={"sort": "id"}), 422, "sort")
