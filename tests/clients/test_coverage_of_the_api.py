"""Compares the Python client with `/openapi.json`: every route, every field of a body, every field of an answer."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from cabinet_client import bodies, errors, models
from svc.app import all_endpoints
from svc.web.openapi import openapi_document

FOLDER = Path(inspect.getfile(models)).parent
DOCUMENT: dict[str, Any] = openapi_document(all_endpoints())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
# Routes for operators and browsers, which an application does not call.
WITHOUT_METHOD = {"/", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"}
# For each body of the service: its name in the client, and the fields that are parameters of the methods.
BODIES: dict[str, tuple[type, set[str]]] = {
    "CreateUser": (bodies.CreateUser, {"email"}),
    "UpdateUser": (bodies.UpdateUser, set()),
    "CreateKey": (dict, {"name", "expires_at", "scopes", "collection_id"}),
    "CreatePlan": (bodies.Limits, {"name"}),
    "UpdatePlan": (bodies.Limits, set()),
    "UploadDocument": (bodies.Upload, {"filename", "content"}),
    "UploadChunks": (bodies.Upload, {"filename", "chunks"}),
    "RechunkDocument": (dict, {"chunk_tokens", "overlap_tokens"}),
    "UpdateDocument": (bodies.UpdateDocument, set()),
    "DeleteDocuments": (bodies.Selection, set()),
    "RetryDocuments": (dict, {"document_ids", "filter", "collection_ids", "all"}),
    "PatchMetadata": (dict, {"document_ids", "patch", "filter", "all", "after"}),
    "TransferDocuments": (dict, {"document_ids", "to_user"}),
    "SearchRequest": (bodies.Search, {"query"}),
    "TurnRequest": (dict, {"query", "token_budget", "history_share", "search"}),
    "CreateCollection": (bodies.Collection, set()),
    "UpdateCollection": (bodies.Collection, set()),
    "AddFile": (bodies.AddedFile, set()),
    "UpdateFile": (dict, {"attributes"}),
    "AddFiles": (dict, {"files"}),
    "CreateConversation": (bodies.Conversation, set()),
    "UpdateConversation": (bodies.Conversation, set()),
    "AppendMessage": (bodies.Message, set()),
    "UpdateMessage": (bodies.UpdateMessage, set()),
    "SearchMessages": (bodies.SearchMessages, {"query"}),
}
# Parts of bodies: the fields of a turn's search are those of a search.
PARTS_OF_BODIES = {"TurnSearch", "GivenChunk"}
# Answers that the client returns as JSON, for people.
AS_JSON = {"Explanation", "PlanStep", "PlanFinding"}
OPERATORS = {"Alive", "Readiness", "ReadinessCheck", "Root", "Links"}


def routes() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}


def called() -> set[tuple[str, str]]:
    """The routes in the source of the client: each path with its method, or in a list."""
    source = "".join(path.read_text() for path in (FOLDER / "_async").glob("*.py"))
    paths = re.findall(r'"(GET|POST|PUT|PATCH|DELETE)",\s+(?:self\.url \+ )?f?"(/[^"]*)"', source)
    lists = [("GET", path) for path in re.findall(r'AsyncPages\([^"]*f?"(/[^"]*)"', source)]
    either = [("POST", path) for path in re.findall(r'f?"(/conversations/[^"]*search)"', source)]
    return {(method, path) for method, path in [*paths, *lists, *either]}


def anonymous(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_route_has_a_method() -> None:
    there = {(method, anonymous(path)) for method, path in called()}
    wanted = {(method, anonymous(path)) for method, path in routes() if path not in WITHOUT_METHOD}

    assert wanted - there == set()
    assert there - wanted == set()


def bodies_of_requests() -> set[str]:
    text = str(
        [operation.get("requestBody") for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    )
    return set(re.findall(r"#/components/schemas/(\w+)", text))


def test_every_body_is_known() -> None:
    assert bodies_of_requests() == set(BODIES)


@pytest.mark.parametrize("name", sorted(BODIES))
def test_every_field_of_a_body_can_be_sent(name: str) -> None:
    body, parameters = BODIES[name]
    fields = set(get_type_hints(body)) if body is not dict else set()

    assert fields | parameters >= set(SCHEMAS[name]["properties"])
    if name not in {"CreateConversation", "UpdateConversation"}:
        assert fields <= set(SCHEMAS[name]["properties"])


def answers() -> list[str]:
    return sorted(
        name
        for name in SCHEMAS
        if name not in BODIES.keys() | PARTS_OF_BODIES
        and not name.startswith("Page_")
        and name not in AS_JSON | OPERATORS
    )


@pytest.mark.parametrize("name", answers())
def test_every_field_of_an_answer_can_be_read(name: str) -> None:
    model = getattr(models, name, None) or getattr(errors, name)
    fields = {field.encode_name for field in msgspec.structs.fields(model)}

    assert fields == set(SCHEMAS[name].get("properties", {}))
