"""Requests for every route, derived from the routes, so that a new route is tested without being listed here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx

from svc.app import all_endpoints
from svc.web.routing import Endpoint
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import ok
from tests.routes.tenants import Tenant, new_tenant

PATH_PARAMETER = re.compile(r"\{(\w+)\}")
# Names of plans are omitted, since they belong to no tenant.
PATH_ID = re.compile(r"\{(\w+_id)\}")
SENTENCE = "A sentence that makes one chunk."


def name_of(endpoint: Endpoint) -> str:
    """Return the name of a route, such as `GET /users/{user_id}`."""
    return f"{endpoint.method} {endpoint.path}"


def takes_body(endpoint: Endpoint) -> bool:
    """Return whether the route reads a body."""
    return endpoint.body is not None or "upload" in endpoint.extra


def endpoints_of(*accesses: str) -> list[Endpoint]:
    """Return the routes with one of these kinds of access."""
    chosen = [endpoint for endpoint in all_endpoints() if endpoint.access in accesses]
    assert chosen
    return chosen


def with_body() -> list[Endpoint]:
    """Return the routes that read a body."""
    chosen = [endpoint for endpoint in all_endpoints() if takes_body(endpoint)]
    assert len(chosen) >= 9
    return chosen


def key_for(endpoint: Endpoint, tenant: Tenant) -> str:
    """Return a key that is allowed to use the route."""
    return ADMIN_KEY if endpoint.access in ("admin", "acting") else tenant.key


async def ids_of(tenant: Tenant, content: str = SENTENCE) -> dict[str, str]:
    """Create an object of each kind that a path can name, all owned by this tenant. Returns ids by parameter name.

    `receiver_id` is another user, who can receive documents, and `user` is a reader of the collection.
    """
    document = await tenant.ready_document(f"{content}.txt", content, secret=content)
    conversation = await tenant.conversation(title=content, document_ids=[document["id"]], metadata={"secret": content})
    chunk_id = (await tenant.chunks(document["id"]))[0]["id"]
    said = {"role": "assistant", "content": content, "sources": [chunk_id], "metadata": {"secret": content}}
    (message,) = await tenant.say(conversation["id"], said)
    collection = ok(await tenant.post("/collections", json={"name": content, "metadata": {"secret": content}}), 201)
    files = [{"document_id": document["id"], "attributes": {"secret": content}}]
    batch = ok(await tenant.post(f"/collections/{collection['id']}/batches", json={"files": files}), 201)
    reader = await new_tenant(tenant.service)
    ok(await tenant.service.call("PUT", f"/collections/{collection['id']}/readers/{reader.id}", tenant.key))
    return {
        "user_id": tenant.id,
        "key_id": ok(await tenant.get("/keys"))["data"][0]["id"],
        "document_id": document["id"],
        "chunk_id": chunk_id,
        "conversation_id": conversation["id"],
        "message_id": message["id"],
        "collection_id": collection["id"],
        "batch_id": batch["id"],
        "plan": "pro",
        "user": reader.id,
        "receiver_id": (await new_tenant(tenant.service)).id,
    }


def ids_of_nothing() -> dict[str, str]:
    """Return an id for each parameter of a path, of an object that does not exist."""
    names = {name for endpoint in all_endpoints() for name in PATH_ID.findall(endpoint.path)}
    return {name: str(uuid4()) for name in sorted(names | {"receiver_id", "user"})}


def path_of(endpoint: Endpoint, ids: dict[str, str]) -> str:
    """Return the path with these ids. Raises KeyError for a kind of id that `ids_of` does not create yet."""
    return endpoint.path.format_map(ids)


def example_of(endpoint: Endpoint, ids: dict[str, str]) -> Any:
    """Return the documented example body, with these ids in place of the example ids."""
    named = {
        "document_ids": [ids["document_id"]],
        "to_user": ids["receiver_id"],
        "document_id": ids["document_id"],
        "files": [{"document_id": ids["document_id"]}],
    }
    example = endpoint.extra["example"]
    return (
        {**example, **{name: named[name] for name in named.keys() & example}} if isinstance(example, dict) else example
    )


async def send(
    service: Service, endpoint: Endpoint, ids: dict[str, str], key: str | None, **options: Any
) -> httpx.Response:
    """Send a valid request to the route, with the documented example body unless the options contain another."""
    if takes_body(endpoint) and not {"json", "content"} & options.keys():
        options["json"] = example_of(endpoint, ids)
    if "takes" in endpoint.extra and "content" not in options:
        options["content"] = SENTENCE.encode()
    if endpoint.access == "acting" and key == ADMIN_KEY:
        options["headers"] = {"Cabinet-User": ids["user_id"], **options.get("headers", {})}
    return await service.call(endpoint.method, path_of(endpoint, ids), key, **options)


def wrong_paths(ids: dict[str, str]) -> Iterator[tuple[Endpoint, str, str]]:
    """Yield each route with each id in its path replaced by each invalid string: route, path and string."""
    strings = ["no-id", "0", "%00", "%FF", "null", "..%2F..", "'%20or%201=1%20--", "%E2%80%AE", "a" * 5000]
    for endpoint in all_endpoints():
        for parameter in PATH_PARAMETER.findall(endpoint.path):
            for string in strings:
                yield endpoint, path_of(endpoint, {**ids, parameter: string}), string
