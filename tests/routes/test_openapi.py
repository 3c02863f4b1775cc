"""The OpenAPI document is valid, complete, and agrees with the service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema  # type: ignore[import-untyped,unused-ignore]
import msgspec
import pytest
import pytest_asyncio

from svc.app import all_endpoints
from svc.web.openapi import openapi_document
from svc.web.routing import Endpoint
from tests.conftest import ADMIN_KEY, Service
from tests.routes.endpoints import PATH_PARAMETER, ids_of, key_for, name_of, send, takes_body, with_body
from tests.routes.tenants import Tenant, new_tenant

Json = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# No test changes the document. A validator walks through all of it before its first use.
_read: dict[str, Json] = {}
_validators: dict[str, Any] = {}


@pytest_asyncio.fixture
async def document(shared: Service) -> Json:
    if "document" not in _read:
        answer = await shared.call("GET", "/openapi.json", key=None)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        _read["document"] = answer.json()
    return _read["document"]


@pytest_asyncio.fixture(scope="module")
async def settled(shared: Service) -> tuple[Tenant, dict[str, str]]:
    """A tenant with an object of each kind, for the tests that only read."""
    tenant = await new_tenant(shared)
    return tenant, await ids_of(tenant)


def nodes(value: Any) -> Iterator[Any]:
    """Yield every value in a JSON document."""
    yield value
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from nodes(child)


def operation(document: Json, endpoint: Endpoint) -> Json:
    return dict(document["paths"][endpoint.path][endpoint.method.lower()])


def valid(document: Json, schema: Json, value: Any) -> None:
    """Check a value against a schema of the document."""
    key = json.dumps(schema)
    if key not in _validators:
        whole = {**schema, "components": document["components"], "$schema": _DIALECT}
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        _validators[key] = jsonschema.Draft202012Validator(whole, format_checker=checker)
    faults = list(_validators[key].iter_errors(value))
    assert not faults, [(fault.json_path, fault.message) for fault in faults]


def test_the_document_contains_every_route(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert described == {name_of(endpoint) for endpoint in all_endpoints()}
    assert len(described) >= 30


def test_the_schemas_are_schemas(document: Json) -> None:
    schemas = document["components"]["schemas"]
    assert len(schemas) >= 30
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for node in nodes(document["paths"]):
        if isinstance(node, dict) and isinstance(node.get("schema"), dict):
            jsonschema.Draft202012Validator.check_schema(node["schema"])


def test_every_reference_resolves(document: Json) -> None:
    references = [node["$ref"] for node in nodes(document) if isinstance(node, dict) and "$ref" in node]
    assert references
    targets = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references) <= targets
    assert targets <= set(references), "every schema is used"


def test_every_operation_is_described(document: Json) -> None:
    ids = []
    for endpoint in all_endpoints():
        described = operation(document, endpoint)
        ids.append(described["operationId"])
        assert described["summary"].endswith(".")
        assert described["tags"] == [endpoint.tag]
        assert described["security"] == ([] if endpoint.access == "public" else [{"key": []}])
        in_path = [parameter["name"] for parameter in described["parameters"] if parameter["in"] == "path"]
        assert in_path == PATH_PARAMETER.findall(endpoint.path)
        assert ("requestBody" in described) == (takes_body(endpoint) or "takes" in endpoint.extra)
        assert all(answer["description"] for answer in described["responses"].values())
    assert len(set(ids)) == len(ids)


def test_the_routes_that_support_an_idempotency_key_declare_it(document: Json) -> None:
    heed = [
        name_of(endpoint)
        for endpoint in all_endpoints()
        if "Idempotency-Key" in {parameter["name"] for parameter in operation(document, endpoint)["parameters"]}
    ]
    assert heed == [
        "POST /documents", "POST /collections", "POST /conversations", "POST /conversations/{conversation_id}/messages",
    ]  # fmt: skip


@pytest.mark.parametrize("endpoint", with_body(), ids=name_of)
def test_every_body_has_a_valid_example(document: Json, endpoint: Endpoint) -> None:
    content = operation(document, endpoint)["requestBody"]["content"]["application/json"]
    example = content["example"]
    valid(document, content["schema"], example)
    read = msgspec.json.decode(json.dumps(example), type=endpoint.body or endpoint.extra["upload"])
    assert read


@pytest.mark.parametrize("endpoint", all_endpoints(), ids=name_of)
async def test_the_answers_are_as_described(
    shared: Service, settled: tuple[Tenant, dict[str, str]], document: Json, endpoint: Endpoint
) -> None:
    """Send requests that are refused for common reasons, and then the documented example."""
    tenant, ids = settled
    if endpoint.method != "GET":
        tenant = await new_tenant(shared)
        ids = await ids_of(tenant)
    key = key_for(endpoint, tenant)
    if endpoint.path.endswith("/retry"):
        ids["document_id"] = (await tenant.ended((await tenant.upload("a.txt", " \n"))["id"]))["id"]
    responses = operation(document, endpoint)["responses"]
    never = dict.fromkeys(ids, "0198c0de-0000-7000-8000-000000000000")
    answers = [await send(shared, endpoint, ids, None)] if endpoint.access != "public" else []
    if endpoint.access == "user":
        answers.append(await send(shared, endpoint, ids, ADMIN_KEY))
        answers.append(await send(shared, endpoint, ids, ADMIN_KEY, headers={"Cabinet-User": "no-id"}))
    if endpoint.access != "public":
        answers.append(await send(shared, endpoint, ids, tenant.key, headers={"Cabinet-User": tenant.id}))
    if endpoint.query is not None:
        answers.append(await send(shared, endpoint, ids, key, params={"after": "no-id"}))
    if takes_body(endpoint):
        answers.append(await send(shared, endpoint, ids, key, content=b"{}"))
        is_json = {"Content-Type": "application/json"}
        answers += [await send(shared, endpoint, ids, key, content=body, headers=is_json) for body in (b"{", b"5")]
    if PATH_PARAMETER.search(endpoint.path):
        answers.append(await send(shared, endpoint, never, key))
    assert all(answer.status_code >= 400 for answer in answers)
    for answer in [*answers, good := await send(shared, endpoint, ids, key)]:
        described = responses[str(answer.status_code)]
        if answer.status_code == 204:
            assert "content" not in described
            continue
        kind = answer.headers["content-type"].partition(";")[0]
        schema = described["content"][kind]["schema"]
        value = answer.json() if kind in ("application/json", "application/problem+json") else answer.text
        valid(document, schema, value)
    assert good.status_code == endpoint.status, good.text


def test_a_wrong_answer_would_be_detected(document: Json) -> None:
    """Control of the previous test: the schemas are strict enough to refuse a wrong answer."""
    for name, wrong in (
        ("Key", {}),
        ("ReadinessCheck", {"ok": "yes", "detail": "fine"}),
        ("Problem", {"title": "Not found", "status": "404", "detail": "there is no such thing"}),
        ("MessagesAppended", {"data": [{"id": "no uuid"}]}),
    ):
        with pytest.raises(AssertionError):
            valid(document, {"$ref": f"#/components/schemas/{name}"}, wrong)


class Loaded(HTMLParser):
    """The URLs that a page makes the browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "data") and value]


async def test_the_page_loads_only_from_the_service(shared: Service) -> None:
    page = await shared.call("GET", "/docs", key=None)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = Loaded()
    loaded.feed(page.text)
    assert len(loaded.addresses) >= 2
    assert not re.search(r"https?://", page.text)
    for address in loaded.addresses:
        if address.startswith("data:"):
            continue
        asset = await shared.call("GET", str(page.url.join(address).path), key=None)
        assert asset.status_code == 200, address
        assert asset.headers["content-type"].partition(";")[0] in ("text/css", "text/javascript")
        assert len(asset.content) > 1000
        if address.endswith(".css"):
            # A style sheet can load fonts and images. URLs of XML namespaces are not loaded.
            fetched = re.findall(r"(?:url\(|@import)\s*[\"']?(https?:)?//", asset.text)
            assert not fetched
    assert 'url: "openapi.json"' in page.text


def test_every_route_that_needs_a_key_can_answer_429() -> None:
    """A client that has sent too many unknown keys is refused by all of them."""
    for path, item in openapi_document(all_endpoints())["paths"].items():
        for method, operation in item.items():
            answers = operation["responses"].keys()
            assert ("401" in answers) == ("429" in answers), (method, path)


def test_a_permission_can_be_sent_twice() -> None:
    scopes = openapi_document(all_endpoints())["components"]["schemas"]["CreateKey"]["properties"]["scopes"]
    assert "uniqueItems" not in scopes
