"""Changing preferences with a JSON merge patch."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from svc.fields.values import MAX_METADATA_BYTES
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection

PATH = "/me/preferences"
# RFC 7396, appendix A: the original, the patch, the result.
RFC_7396: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


async def patch(tenant: Tenant, body: Any) -> Any:
    """Send a patch and return the preferences."""
    return ok(await tenant.patch(PATH, json=body, headers={"Content-Type": "application/merge-patch+json"}))


@pytest.mark.parametrize("case", RFC_7396, ids=str)
async def test_the_examples_of_the_rfc(tenant: Tenant, case: tuple[Any, Any, Any]) -> None:
    """The examples are nested one level, since preferences are an object; null removes a member there."""
    original, change, result = case
    ok(await tenant.patch(f"/users/{tenant.id}", json={"preferences": {"kept": 1, "t": original}}))
    expected = {"kept": 1} if change is None else {"kept": 1, "t": result}
    assert await patch(tenant, {"t": change}) == expected
    assert ok(await tenant.get(PATH)) == expected
    assert ok(await tenant.get("/me"))["preferences"] == expected
    if isinstance(original, dict) and isinstance(change, dict):
        ok(await tenant.patch(f"/users/{tenant.id}", json={"preferences": original}))
        assert await patch(tenant, change) == result


async def test_concurrent_patches_lose_no_change(tenant: Tenant) -> None:
    await asyncio.gather(*(patch(tenant, {f"key{n}": n, "same": {str(n): n}}) for n in range(24)))
    preferences = ok(await tenant.get(PATH))
    assert preferences["same"] == {str(n): n for n in range(24)}
    assert len(preferences) == 25


async def test_merged_preferences_must_not_be_too_large(tenant: Tenant) -> None:
    """Each patch is small, but the merged preferences would be too large."""
    piece = "x" * 5000
    for name in "abc":
        await patch(tenant, {name: piece})
    before = ok(await tenant.get(PATH))
    refused = problem(await tenant.patch(PATH, json={"d": piece}), 422, "preferences")
    assert f"at most {MAX_METADATA_BYTES:,} bytes" in refused["detail"]
    assert ok(await tenant.get(PATH)) == before
    await patch(tenant, {"a": None, "d": piece})


@pytest.mark.parametrize(
    "body",
    [[], "text", 5, None, {"a": "\x00"}, {"a": "x" * MAX_METADATA_BYTES}, {"a": 2**70}],
    ids=lambda body: f"{type(body).__name__} {str(body)[:8]!r}",
)
async def test_an_invalid_patch_is_refused(tenant: Tenant, body: Any) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    problem(await tenant.patch(PATH, content=json.dumps(body), headers=headers), 422)
    assert ok(await tenant.get(PATH)) == {}


async def test_the_depth_of_a_patch_is_limited(tenant: Tenant) -> None:
    nested: dict[str, Any] = {}
    for _ in range(16):
        nested = {"a": nested}
    problem(await tenant.patch(PATH, json=nested), 422)
    await patch(tenant, nested["a"])


async def test_the_media_type_is_that_of_a_merge_patch_or_of_json(tenant: Tenant) -> None:
    for kind in ("application/merge-patch+json", "application/json", "Application/Merge-Patch+JSON; charset=utf-8"):
        ok(await tenant.patch(PATH, content=b'{"a": 1}', headers={"Content-Type": kind}))
    for kind in ("application/json-patch+json", "text/plain", ""):
        answer = await tenant.patch(PATH, content=b'{"a": 1}', headers={"Content-Type": kind})
        assert "application/merge-patch+json" in problem(answer, 415, "Content-Type")["detail"]
    problem(await tenant.patch("/me/preferences", content=b"{", headers={"Content-Type": "application/json"}), 400)
    other = await tenant.patch(
        f"/users/{tenant.id}", content=b"{}", headers={"Content-Type": "application/merge-patch+json"}
    )
    problem(other, 415, "Content-Type")


async def test_the_admin_changes_the_preferences_of_a_user(shared: Service, tenant: Tenant, other: Tenant) -> None:
    acting = {"Cabinet-User": tenant.id}
    assert ok(await shared.call("PATCH", PATH, json={"theme": "dark"}, headers=acting)) == {"theme": "dark"}
    assert ok(await tenant.get(PATH)) == {"theme": "dark"}
    assert ok(await other.get(PATH)) == {}


async def test_the_function_also_follows_the_rfc_for_other_values(shared: Service) -> None:
    async with direct_connection(shared) as connection:
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        for original, change, result in RFC_7396:
            assert await connection.fetchval("select json_merge_patch($1, $2)", original, change) == result
