"""Refused filters, each with the place and the solution."""

from __future__ import annotations

import json
from typing import Any

import pytest

from svc.filters.reading import MAX_COMPARISONS, MAX_FILTER_DEPTH, MAX_VALUES
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import new_tenant

EQ = {"type": "eq", "key": "a", "value": 1}


def nested(depth: int) -> dict[str, Any]:
    filter_: dict[str, Any] = EQ
    for _ in range(depth):
        filter_ = {"type": "not", "filter": filter_}
    return filter_


REFUSED: dict[str, tuple[Any, str, str]] = {
    "nothing": ({}, "filter.type", "required"),
    "an unknown operator": ({"type": "like", "key": "a", "value": 1}, "filter.type", "prefix"),
    "no key": ({"type": "eq", "value": 1}, "filter.key", "name"),
    "no value": ({"type": "eq", "key": "a"}, "filter.value", "required"),
    "a field too many": ({**EQ, "keys": 1}, "filter.keys", "key, type, value"),
    "a list for eq": ({**EQ, "value": [1]}, "filter.value", "string"),
    "an object for eq": ({**EQ, "value": {"a": 1}}, "filter.value", "one by one"),
    "no list for in": ({"type": "in", "key": "a", "value": 1}, "filter.value", "list"),
    "an order of booleans": ({"type": "gt", "key": "a", "value": True}, "filter.value", "number"),
    "a prefix of a number": ({"type": "prefix", "key": "a", "value": 1}, "filter.value", "string"),
    "an empty group": ({"type": "and", "filters": []}, "filter.filters", "one or more"),
    "a wrong part": ({"type": "or", "filters": [EQ, {"type": "eq"}]}, "filter.filters[1].key", "name"),
    "two negated": ({"type": "not", "filters": [EQ, EQ]}, "filter.filters", "one filter"),
    "an empty name": ({**EQ, "key": "a..b"}, "filter.key", "none empty"),
    "a name with $": ({**EQ, "key": "$gte"}, "filter.key", '["$gte"]'),
    "a NUL": ({**EQ, "value": "a\x00"}, "filter.value", "NUL"),
    "a size in words": ({"type": "gt", "key": "file_size", "value": "5"}, "filter.value", "number"),
    "no date": ({"type": "gt", "key": "created_at", "value": "yesterday"}, "filter.value", "2027-01-31"),
    "no id": ({"type": "eq", "key": "id", "value": "x"}, "filter.value", "UUID"),
    "no status": ({"type": "eq", "key": "status", "value": "done"}, "filter.value", '["status"]'),
    "a list of a field": ({"type": "contains", "key": "filename", "value": "x"}, "filter.value", "contains"),
    "an operator of others": ({"year": {"$gte": 2020}}, "filter", '{"type":"gte","key":"year","value":2020}'),
    "a group of others": ({"$and": [{"a": 1}]}, "filter", '"type":"and"'),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_filter_that_is_none_is_refused(shared: Service, name: str) -> None:
    filter_, place, words = REFUSED[name]
    tenant = await new_tenant(shared)
    for answer in (
        await tenant.post("/search", json={"query": "sea", "filter": filter_}),
        await tenant.get("/documents", params={"filter": json.dumps(filter_)}),
        await tenant.post("/documents/delete", json={"filter": filter_}),
        await tenant.post("/documents/retry", json={"filter": filter_}),
    ):
        assert words in problem(answer, 422, place)["detail"]


@pytest.mark.parametrize(
    "filter_",
    [
        nested(MAX_FILTER_DEPTH),
        {"type": "and", "filters": [EQ] * (MAX_COMPARISONS + 1)},
        {"type": "in", "key": "a", "value": list(range(MAX_VALUES + 1))},
        {**EQ, "value": "x" * 20_000},
    ],
    ids=["deep", "many", "values", "long"],
)
async def test_a_filter_that_is_too_large_is_refused(shared: Service, filter_: dict[str, Any]) -> None:
    tenant = await new_tenant(shared)
    problem(await tenant.post("/search", json={"query": "sea", "filter": filter_}), 422)


async def test_the_largest_filters_run(shared: Service) -> None:
    tenant = await new_tenant(shared)
    await tenant.upload("a.txt", "a", a=1)
    for filter_ in (
        nested(MAX_FILTER_DEPTH - 2),
        {"type": "and", "filters": [EQ] * (MAX_COMPARISONS // 2) + [{"type": "ne", "key": "b", "value": "x"}] * 50},
        {"type": "in", "key": "a", "value": list(range(MAX_VALUES))},
        {"type": "or", "filters": [{"type": "gt", "key": "a", "value": "2024-01-01"}] * 99 + [EQ]},
    ):
        answer = ok(await tenant.post("/documents/retry", json={"filter": filter_}), 202)
        assert answer == {"queued": 0, "more": False}
        ok(await tenant.post("/search", json={"query": "a", "filter": filter_}))


@pytest.mark.parametrize(
    ("metadata", "right"),
    [
        ({"year": {"$gte": 2020}}, '"filter": {"type":"gte","key":"year","value":2020}'),
        ({"a": {"b": {"$in": [1, 2]}}}, '"filter": {"type":"in","key":"a.b","value":[1,2]}'),
        ({"$or": [{"a": 1}]}, '"filter": {"type":"or","filters":[…]}'),
        ({"a": [{"$ne": None}]}, '"filter": {"type":"ne","key":"a","value":null}'),
    ],
)
async def test_an_operator_in_metadata_is_refused_with_the_right_form(
    shared: Service, metadata: dict[str, Any], right: str
) -> None:
    tenant = await new_tenant(shared)
    for path, body in (("/search", {"query": "sea"}), ("/documents/delete", {})):
        answer = await tenant.post(path, json={**body, "metadata": metadata})
        assert right in problem(answer, 422)["detail"]


@pytest.mark.parametrize("body", [{}, {"filter": None}, {"filter": {}}])
async def test_an_empty_filter_deletes_nothing(shared: Service, body: dict[str, Any]) -> None:
    tenant = await new_tenant(shared)
    await tenant.upload("a.txt", "a")
    problem(await tenant.post("/documents/delete", json=body), 422)
    assert len(ok(await tenant.get("/documents"))["data"]) == 1
    problem(await tenant.post("/documents/delete", json={"filter": EQ, "all": True}), 422, "all")


async def test_a_filter_selects_what_is_deleted(shared: Service) -> None:
    tenant = await new_tenant(shared)
    for number in range(5):
        await tenant.upload(f"{number}.txt", "a", n=number)
    filter_ = {
        "type": "and",
        "filters": [{"type": "gte", "key": "n", "value": 2}, {"type": "ne", "key": "n", "value": 3}],
    }
    assert ok(await tenant.post("/documents/delete", json={"filter": filter_}))["deleted"] == 2
    assert {document["metadata"]["n"] for document in ok(await tenant.get("/documents"))["data"]} == {0, 1, 3}
