"""Names that an object in the body has twice: decoders keep one of the two values, so the request is refused."""

from __future__ import annotations

import json

import pytest

from svc.fields.repeated_names import repeated_name
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant

JSON = {"Content-Type": "application/json"}
LONG = json.dumps("many words " * 40_000)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"a": 1, "b": 2}', None),
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": {"b": 1, "c": {"b": 2}}, "b": [{"a": 1}, {"a": 2}]}', None),
        ('{"a": {"b": 1, "c": {"d": 2, "d": 3}}}', "a.c.d"),
        ('{"a": [{"b": 1}, {"b": {"c": 1}, "b": 2}]}', "a.b"),
        ('{"a": {"b": 1}, "c": 2 , "a" : 3}', "a"),
        (r'{"a": 1, "\u0061": 2}', "a"),
        (r'{"a\"": 1, "a\\": 2, "a": 3}', None),
        (r'{"a": "\", \"a\": 2", "b": "a", "c": "a"}', None),
        ('{"é": 1, "\\u00e9": 2}', "é"),
        ('{"": 1, "": 2}', "(body)"),
        ('["a", "a"]', None),
        ('"a"', None),
    ],
)
def test_a_name_is_found_that_an_object_has_twice(content: str, name: str | None) -> None:
    assert repeated_name(content.encode()) == name


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/documents", '{"filename": "a.txt", "content": "x", "content": "y"}', "content"),
        ("/documents", '{"filename": "a.txt", "content": "x", "metadata": {"a": 1, "a": 2}}', "metadata.a"),
        ("/documents", f'{{"filename": "a.txt", "content": {LONG}, "metadata": {{"a": 1, "a": 2}}}}', "metadata.a"),
        ("/documents", f'{{"filename": "a.txt", "metadata": {{"a": {{}}, "a": 2}}, "content": {LONG}}}', "metadata.a"),
        (
            "/documents",
            '{"filename": "a.txt", "chunks": [{"content": "x", "metadata": {"a": 1, "a": 2}}]}',
            "chunks.metadata.a",
        ),
        ("/documents/delete", '{"metadata": {"a": 1}, "metadata": {"b": 1}}', "metadata"),
        ("/search", '{"query": "x", "filter": {"type": "eq", "key": "a", "value": 1, "key": "b"}}', "filter.key"),
        ("/conversations", '{"metadata": {"a": {"b": 1, "b": 2}}}', "metadata.a.b"),
        ("/mcp", '{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "method": "ping"}', "method"),
    ],
)
async def test_a_body_with_a_name_twice_is_refused(tenant: Tenant, path: str, body: str, field: str) -> None:
    answer = await tenant.post(path, content=body.encode(), headers=JSON)

    assert problem(answer, 422, field)["detail"] == f"{field} is sent twice in one object; send it once"
    assert ok(await tenant.get("/documents"))["data"] == []


async def test_metadata_in_a_form_and_a_filter_in_a_query_are_also_checked(tenant: Tenant) -> None:
    form = {"file": ("a.txt", b"hello"), "metadata": (None, '{"a": 1, "a": 2}')}
    problem(await tenant.post("/documents", files=form), 422, "metadata.a")
    filter_ = '{"type": "eq", "key": "a", "value": 1, "value": 2}'
    problem(await tenant.get("/documents", params={"filter": filter_}), 422, "filter.value")


async def test_each_chunk_of_a_long_list_is_checked(tenant: Tenant) -> None:
    chunks = [{"content": f"chunk {number} of many"} for number in range(6_000)]
    body = json.dumps({"filename": "a.txt", "chunks": chunks})
    twice = body.replace('"chunk 5999 of many"', '"one", "content": "other"')
    problem(await tenant.post("/documents", content=twice.encode(), headers=JSON), 422, "chunks[5999].content")
