"""Random filters on random metadata, compared with the same filters in Python."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings

from svc.embedded.server import EmbeddedServer
from tests.conftest import test_settings
from tests.filters.drawn import (
    TEXTS,
    Item,
    Json,
    draw_filters,
    drawn_items,
    message_comparisons,
    message_fields,
    passes,
)
from tests.routes.answers import ok
from tests.routes.tenants import Tenant, direct_connection, new_tenant, shared_service

examples_drawn = pytest.mark.parametrize("examples", [80, pytest.param(400, marks=pytest.mark.slow)])


@dataclass(frozen=True)
class Stored:
    """A tenant with the items by the ids of their documents."""

    tenant: Tenant
    items: dict[str, Item]


@pytest_asyncio.fixture(scope="module")
async def stored(server: EmbeddedServer, template: str) -> AsyncIterator[Stored]:
    """A hundred documents each of two tenants."""
    async with shared_service(server, template, "shared_filters", test_settings(worker_concurrency=0)) as service:
        tenants = [await new_tenant(service) for _ in range(2)]
        found: list[Stored] = []
        async with direct_connection(service) as connection:
            for tenant in tenants:
                items = {}
                for item in drawn_items(100, seed=7):
                    fields = item.fields
                    id_ = await connection.fetchval(
                        "insert into documents (user_id, filename, file_type, file_size, content_hash, status,"
                        " created_at, metadata) values ($1, $2, $3, $4, $1, $5, $6, $7::text::jsonb)"
                        " returning id::text",
                        UUID(tenant.id), fields["filename"], fields["file_type"], fields["file_size"],
                        fields["status"], fields["created_at"], json.dumps(item.metadata),
                    )  # fmt: skip
                    items[id_] = item
                found.append(Stored(tenant, items))
        yield found[0]


@pytest_asyncio.fixture
async def loop() -> asyncio.AbstractEventLoop:
    """The event loop that all tests share, for a test that is not a coroutine."""
    return asyncio.get_running_loop()


async def listed(stored: Stored, filter_: Json) -> set[str]:
    text = msgspec.json.encode(filter_).decode()
    answer = ok(await stored.tenant.get("/documents", params={"filter": text, "limit": 100}))
    return {document["id"] for document in answer["data"]}


@examples_drawn
def test_a_filter_means_what_it_means_in_python(stored: Stored, loop: asyncio.AbstractEventLoop, examples: int) -> None:
    kept: list[int] = []

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(draw_filters())
    def compare(filter_: Json) -> None:
        expected = {id_ for id_, item in stored.items.items() if passes(filter_, item)}
        assert loop.run_until_complete(listed(stored, filter_)) == expected
        kept.append(len(expected))

    compare()
    assert sum(0 < count < 100 for count in kept) >= examples / 4, "otherwise most filters have no effect"


# Each statement of message searches; with exact_max_rows=0, a search compares signatures unless exactness is requested.
SEARCHES: list[Json] = [
    {"mode": "meaning", "recall": "exact"}, {"mode": "meaning"}, {"mode": "hybrid", "recall": "exact"},
    {"mode": "hybrid"}, {"mode": "keyword"},
]  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def said(server: EmbeddedServer, template: str) -> AsyncIterator[Stored]:
    """A hundred messages of one tenant, in two conversations; the items are by their ids."""
    settings_ = test_settings(exact_max_rows=0)
    async with shared_service(server, template, "shared_message_filters", settings_) as service:
        tenant = await new_tenant(service)
        items = drawn_items(100, seed=11, fields=message_fields)
        by_id: dict[str, Item] = {}
        for half in (items[:50], items[50:]):
            conversation = await tenant.conversation()
            messages = [
                {
                    "role": item.fields["role"],
                    "content": f"comet {number}",
                    "token_count": item.fields["token_count"],
                    "created_at": item.fields["created_at"].isoformat(),
                }
                for number, item in enumerate(half)
            ]
            stored = await tenant.say(conversation["id"], *messages)
            by_id |= {message["id"]: item for message, item in zip(stored, half, strict=True)}
        async with direct_connection(service) as connection:
            for id_, item in by_id.items():
                name = item.fields["name"] if isinstance(item.fields["name"], str) else None
                await connection.execute(
                    "update messages set metadata = $3::text::jsonb, name = $4 where user_id = $1 and id = $2",
                    UUID(tenant.id), UUID(id_), json.dumps(item.metadata), name,
                )  # fmt: skip
        yield Stored(tenant, by_id)


@examples_drawn
def test_a_filter_of_messages_means_what_it_means_in_python(
    said: Stored, loop: asyncio.AbstractEventLoop, examples: int
) -> None:
    kept: list[int] = []

    async def found(filter_: Json, search: Json) -> set[str]:
        body = {"query": "comet", "limit": 100, "filter": filter_, **search}
        return {result["id"] for result in ok(await said.tenant.post("/conversations/search", json=body))["results"]}

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(draw_filters(message_comparisons()))
    def compare(filter_: Json) -> None:
        expected = {id_ for id_, item in said.items.items() if passes(filter_, item)}
        assert loop.run_until_complete(found(filter_, SEARCHES[len(kept) % len(SEARCHES)])) == expected
        kept.append(len(expected))

    compare()
    assert sum(0 < count < 100 for count in kept) >= examples / 4, "otherwise most filters have no effect"


CASES: dict[str, tuple[Json, set[str]]] = {
    "a number is not a text": ({"type": "eq", "key": "n", "value": 5}, {"number"}),
    "an absent key is not equal": ({"type": "ne", "key": "n", "value": 5}, {"text", "null", "none", "list", "nested"}),
    "an absent key is in no list": ({"type": "nin", "key": "n", "value": [5, "5"]}, {"null", "none", "list", "nested"}),
    "a null exists": ({"type": "exists", "key": "n"}, {"number", "text", "null", "list", "nested"}),
    "an absent key does not exist": ({"type": "exists", "key": "n", "value": False}, {"none"}),
    "a list is not equal to its element": ({"type": "eq", "key": "n", "value": 1}, set()),
    "a list contains an element": ({"type": "contains", "key": "n", "value": 1}, {"list"}),
    "a key with a dot": ({"type": "eq", "key": ["n.m"], "value": 7}, {"nested"}),
    "a path": ({"type": "eq", "key": "n.m", "value": 7}, {"nested"}),
    "a path as a list": ({"type": "eq", "key": ["n", "m"], "value": 7}, {"nested"}),
    "not a path": ({"type": "not", "filter": {"type": "gte", "key": "n.m", "value": 7}}, {
        "number", "text", "null", "none", "list",
    }),
    "a null": ({"type": "eq", "key": "n", "value": None}, {"null"}),
    "an order of texts": ({"type": "gt", "key": "n", "value": "4"}, {"text"}),
}  # fmt: skip
ITEMS: dict[str, Json] = {
    "number": {"n": 5}, "text": {"n": "5"}, "null": {"n": None}, "none": {}, "list": {"n": [1, "x"]},
    "nested": {"n": {"m": 7}, "n.m": 7},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_the_meaning_of_comparisons(stored: Stored, case: str) -> None:
    tenant = await new_tenant(stored.tenant.service)
    for name, metadata in ITEMS.items():
        await tenant.upload(f"{name}.txt", name, **metadata)
    filter_, names = CASES[case]
    text = msgspec.json.encode(filter_).decode()
    answer = ok(await tenant.get("/documents", params={"filter": text}))
    assert {document["filename"].removesuffix(".txt") for document in answer["data"]} == names


@pytest.mark.parametrize("kind", ["gt", "gte", "lt", "lte"])
async def test_every_text_is_ordered_as_in_python(stored: Stored, kind: str) -> None:
    """Hypothesis draws few dates. Here, each text is compared with every other text, as a date if it is one."""
    tenant = await new_tenant(stored.tenant.service)
    items = {
        (await tenant.upload(f"{number}.txt", "a", n=text))["id"]: Item({"n": text}, {})
        for number, text in enumerate(TEXTS)
    }
    for value in TEXTS:
        filter_ = {"type": kind, "key": "n", "value": value}
        expected = {id_ for id_, item in items.items() if passes(filter_, item)}
        assert await listed(Stored(tenant, items), filter_) == expected, value
