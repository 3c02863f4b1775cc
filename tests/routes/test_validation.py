"""Wrong values of every kind, on several routes: the answer names the field and the fault, and shows a valid value."""

from __future__ import annotations

from typing import Any

import pytest

from svc.ingest.formats import SEARCHED_TYPES
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import problem
from tests.routes.tenants import Tenant

UUID_EXAMPLE = "a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057"
TIMESTAMP_EXAMPLE = "a timestamp with its offset from UTC, such as 2027-01-31T12:00:00Z"
NO_CONVERSATION = "/conversations/0198c0de-0000-7000-8000-000000000000"

# The route, the body, and all faults of the answer, in order.
BODIES: dict[str, tuple[str, Any, dict[str, str]]] = {
    "a number for a string": (
        "POST /search",
        {"query": 5},
        {"query": "query must be a string of at most 32,768 characters, not 5"},
    ),
    "a string for a number": (
        "POST /search",
        {"threshold": "1"},
        {"threshold": "threshold must be a number, not a string"},
    ),
    "a fraction for an integer": (
        "POST /search",
        {"limit": 1.5},
        {"limit": "limit must be an integer from 1 to 100, not 1.5"},
    ),
    "too large a number": (
        "POST /search",
        {"limit": 101},
        {"limit": "limit must be an integer from 1 to 100, not 101"},
    ),
    "a number of many digits": (
        "POST /search",
        {"limit": 10**40},
        {"limit": "limit must be an integer from 1 to 100, not a number of this size"},
    ),
    "null for a number": (
        "POST /search",
        {"limit": None},
        {"limit": "limit must be an integer from 1 to 100, not null"},
    ),
    "an unknown word": (
        "POST /search",
        {"metric": "cosin"},
        {"metric": 'metric must be one of "cosine", "inner_product", "l2"'},
    ),
    "another word than the only one": ("POST /search", {"recall": "all"}, {"recall": 'recall must be "exact"'}),
    "an unknown word in a list": (
        "POST /search",
        {"file_types": ["pdf", "exe"]},
        {
            "file_types[1]": "file_types[1] must be one of "
            + ", ".join(f'"{file_type}"' for file_type in sorted(SEARCHED_TYPES))
        },
    ),
    "no UUID": (
        "POST /search",
        {"conversation_id": "x"},
        {"conversation_id": f"conversation_id must be {UUID_EXAMPLE}"},
    ),
    "no UUID in a list": (
        "POST /search",
        {"document_ids": ["x"]},
        {"document_ids[0]": f"document_ids[0] must be {UUID_EXAMPLE}"},
    ),
    "a long list": (
        "POST /search",
        {"document_ids": ["x"] * 1001},
        {"document_ids": "document_ids must be a list of at most 1,000 UUIDs; it has 1,001"},
    ),
    "no list": (
        "POST /search",
        {"document_ids": "x"},
        {"document_ids": "document_ids must be a list of at most 1,000 UUIDs, not a string"},
    ),
    "a date for a timestamp": (
        "POST /search",
        {"uploaded_after": "2026-01-01"},
        {"uploaded_after": f"uploaded_after must be {TIMESTAMP_EXAMPLE}"},
    ),
    "a timestamp without an offset": (
        "POST /keys",
        {"expires_at": "2026-01-01T00:00:00"},
        {"expires_at": f"expires_at must be {TIMESTAMP_EXAMPLE}"},
    ),
    "a number for a timestamp": (
        "POST /keys",
        {"expires_at": 5},
        {"expires_at": f"expires_at must be {TIMESTAMP_EXAMPLE}, not 5"},
    ),
    "a timestamp in the past": (
        "POST /keys",
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "expires_at must be in the future, not in the past"},
    ),
    "no object": (
        "POST /users",
        {"email": "a@b", "preferences": []},
        {"preferences": "preferences must be a JSON object, not a list"},
    ),
    "no email address": (
        "POST /users",
        {"email": "ada"},
        {"email": "email must be an email address of at most 320 characters, such as ada@example.com"},
    ),
    "a long string": (
        "POST /keys",
        {"name": "a" * 256},
        {"name": "name must be a string of at most 255 characters; it has 256"},
    ),
    "an empty string": (
        "POST /documents",
        {"filename": "", "content": "a"},
        {"filename": "filename must be a string of 1 to 255 characters; it has 0"},
    ),
    "a missing field": (
        "POST /documents",
        {"filename": "a.txt"},
        {"content": "content is required: a string of at least 1 character"},
    ),
    "a misspelt field": ("POST /search", {"querry": "a"}, {"querry": "there is no field querry; did you mean query?"}),
    "an unknown field": (
        "POST /keys",
        {"colour": 1},
        {"colour": "there is no field colour; the fields here are name, expires_at, scopes, collection_id"},
    ),
    "a list for an object": ("POST /keys", [], {"(body)": "the body must be a JSON object, not a list"}),
    "an object for a patch": ("PATCH /me/preferences", "a", {"(body)": "the body must be a JSON object, not a string"}),
    "an empty list": (
        f"POST {NO_CONVERSATION}/messages",
        [],
        {"(body)": "the body must be a JSON object or a list of 1 to 1,000 objects; it has 0"},
    ),
    "an item of a list": (
        f"POST {NO_CONVERSATION}/messages",
        [{"role": "user", "content": "a"}, {"role": "bot", "content": "b"}],
        {"[1].role": '[1].role must be one of "assistant", "developer", "function", "system", "tool", "user"'},
    ),
    "no object in a list": (f"POST {NO_CONVERSATION}/messages", [5], {"[0]": "[0] must be a JSON object, not 5"}),
    "a number in a vector": (
        "POST /conversations/search",
        {"embedding": [1, "2", None]},
        {
            "embedding[1]": "embedding[1] must be a number, not a string",
            "embedding[2]": "embedding[2] must be a number, not null",
        },
    ),
    "NUL in a text": (
        "POST /keys",
        {"name": "a\0"},
        {"name": "name contains the character U+0000 (NUL), which PostgreSQL cannot store; remove it"},
    ),
    "large metadata": (
        "POST /conversations",
        {"metadata": {"a": "b" * 20_000}},
        {"metadata": "metadata must be at most 16,384 bytes of JSON; it has 20,008"},
    ),
    "several fields": (
        "POST /documents",
        {"filename": 5, "on_conflict": "ask", "expires_at": "tomorrow", "colours": 1},
        {
            "filename": "filename must be a string of 1 to 255 characters, not 5",
            "content": "content is required: a string of at least 1 character",
            "on_conflict": 'on_conflict must be one of "new", "replace", "skip"',
            "expires_at": f"expires_at must be {TIMESTAMP_EXAMPLE}",
            "colours": "there is no field colours; the fields here are filename, content, on_conflict, metadata, "
            "expires_at",
        },
    ),
    "several values that a later check refuses": (
        "POST /conversations",
        {"title": "a\0", "metadata": {"a": 2**70}, "expires_at": "2020-01-01T00:00:00Z"},
        {
            "title": "title contains the character U+0000 (NUL), which PostgreSQL cannot store; remove it",
            "metadata.a": "metadata.a must be a number from -2^63 to 2^63 (about 9.2e18); "
            "send a larger one as a string",
            "expires_at": "expires_at must be in the future, not in the past",
        },
    ),
}

QUERIES: dict[str, tuple[str, dict[str, str]]] = {
    "no number": ("/documents?limit=ten", {"limit": "limit must be an integer from 1 to 100"}),
    "too large": ("/documents?limit=101", {"limit": "limit must be an integer from 1 to 100"}),
    "an exponent": ("/documents?limit=1e1", {"limit": "limit must be an integer from 1 to 100, in plain digits"}),
    "a fraction": ("/documents?limit=5.0", {"limit": "limit must be an integer from 1 to 100, in plain digits"}),
    "minus zero": (
        f"{NO_CONVERSATION}/messages?after=-0",
        {"after": "after must be an integer from -1 to 2147483647, in plain digits"},
    ),
    "an exponent and an unknown name": (
        "/documents?limit=1e1&limt=1",
        {
            "limt": "there is no parameter limt; did you mean limit?",
            "limit": "limit must be an integer from 1 to 100, in plain digits",
        },
    ),
    "a sign": ("/documents?limit=%2B5", {"limit": "limit must be an integer from 1 to 100"}),
    "a space": ("/documents?limit=+5", {"limit": "limit must be an integer from 1 to 100"}),
    "other digits": ("/documents?limit=%D9%A3", {"limit": "limit must be an integer from 1 to 100"}),
    "nothing": ("/documents?limit=", {"limit": "limit must be an integer from 1 to 100"}),
    "an unknown word": (
        "/documents?status=done",
        {"status": 'status must be one of "error", "processing", "ready", "stored"'},
    ),
    "no UUID": ("/keys?after=x", {"after": f"after must be {UUID_EXAMPLE}"}),
    "no cursor": ("/documents?after=x", {"after": "after must be the next of a page, in the same order"}),
    "no date": ("/usage?from=1.1.2026", {"from": "from must be a date, such as 2027-01-31"}),
    "days in the wrong order": (
        "/usage?from=2026-02-01&to=2026-01-01",
        {"from": "from (2026-02-01) must not be after to (2026-01-01)"},
    ),
    "neither true nor false": ("/search?explain=maybe", {"explain": "explain must be true or false"}),
    "twice": ("/documents?limit=1&limit=2", {"limit": "limit is sent 2 times; send it once"}),
    "misspelt": ("/documents?limt=1", {"limt": "there is no parameter limt; did you mean limit?"}),
    "several": (
        "/usage/users?sort=size&limit=0&after=x",
        {
            "sort": 'sort must be one of "bytes", "messages", "requests", "searches", "tokens", "uploads"',
            "limit": "limit must be an integer from 1 to 100",
            "after": "after must be the value of next from the previous page",
        },
    ),
}

# Wrong multipart bodies: the media type, the body, the status, and the detail.
BOUNDARY = "multipart/form-data; boundary=b"


def part(name: str, value: str, more: str = "") -> bytes:
    """Return one part of a multipart body."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'.encode()


FILE = part("file", "text", '; filename="a.txt"')
FORMS: dict[str, tuple[str, bytes, int, str]] = {
    "no boundary": ("multipart/form-data", b"", 400, "Content-Type header has no boundary"),
    "cut short": (BOUNDARY, b"--b\r\nContent-", 400, "ends before its last boundary"),
    "cut short after the file": (BOUNDARY, FILE + part("metadata", "{}"), 400, "ends before its last boundary"),
    "cut short in a part": (BOUNDARY, FILE + part("metadata", "{}")[:-5], 400, "ends before its last boundary"),
    "an encoded part": (
        BOUNDARY,
        part("file", "dGV4dA==", '; filename="a.txt"\r\nContent-Transfer-Encoding: Base64') + b"--b--",
        400,
        "a part is encoded",
    ),
    "a compressed part": (
        BOUNDARY,
        part("file", "x", '; filename="a.txt"\r\nContent-Encoding: gzip') + b"--b--",
        400,
        "a part is encoded",
    ),
    "metadata with a large number": (
        BOUNDARY,
        FILE + part("metadata", '{"a": 1e400}') + b"--b--",
        422,
        "a number in it is too large",
    ),
    "no multipart": (BOUNDARY, b"{}", 400, "its parts are not separated by the boundary"),
    "two files": (BOUNDARY, FILE + FILE + b"--b--", 400, "more than one file"),
    "many parts": (BOUNDARY, part("a", "1") * 9 + b"--b--", 400, "more than 8 parts"),
    "a large part": (BOUNDARY, FILE + part("metadata", "1" * 70_000) + b"--b--", 400, "over 65536 bytes"),
    "no name": (BOUNDARY, b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", 400, "a part has no name"),
    "no file": (BOUNDARY, part("filename", "a") + b"--b--", 422, "file is required"),
    "a file without a name": (BOUNDARY, part("file", "a") + b"--b--", 422, "give its part a filename"),
    "metadata that is not JSON": (
        BOUNDARY,
        FILE + part("metadata", '{"a":') + b"--b--",
        422,
        "metadata cannot be read as JSON: it ends too early",
    ),
    "metadata that is not an object": (
        BOUNDARY,
        FILE + part("metadata", "5") + b"--b--",
        422,
        "metadata must be a JSON object, not 5",
    ),
    "an unknown part": (
        BOUNDARY,
        FILE + part("colour", "5") + b"--b--",
        422,
        "there is no field colour; the parts of an upload are file, filename",
    ),
    "several": (
        BOUNDARY,
        FILE + part("colour", "5") + part("expires_at", "soon") + part("metadata", "{") + b"--b--",
        422,
        f"expires_at must be {TIMESTAMP_EXAMPLE}; there is no field colour; the parts of an upload are file, filename, "
        "on_conflict, metadata, expires_at; metadata cannot be read as JSON: it ends too early",
    ),
}

# Bodies that are not JSON, and the fault in the answer.
SYNTAX: dict[bytes, str] = {
    b"": "it is empty",
    b'{"query": "a"': "it ends too early",
    b'{\n "query" 1}': "line 2 has a syntax error at byte 10",
    b'{"query": "\xff"}': "it is not encoded in UTF-8",
    b'{"metadata": {"a": ' + b"[" * 100_000: "it is nested too deeply",
    b'{"threshold": NaN}': "threshold is NaN or infinite",
    b'{"query": "\\ud800"}': "half of a character",
    b'{"query": "\\ud800 and more"}': "half of a character",
    b'{"query": "\\udc00 and more"}': "half of a character",
    b'\xef\xbb\xbf{"query": "a"}': "it begins with a byte order mark",
    '{"query": "a"}'.encode("utf-16"): "it is not encoded in UTF-8",
    '{"query": "a"}'.encode("utf-16-le"): "it is not encoded in UTF-8",
    '{"query": "a"}'.encode("utf-32-be"): "it is not encoded in UTF-8",
}


def faults(document: dict[str, Any]) -> dict[str, str]:
    """Return the wrong fields of an answer, each with its fault."""
    return {fault["field"]: fault["detail"] for fault in document["errors"]}


@pytest.mark.parametrize("kind", BODIES)
async def test_a_wrong_body(shared: Service, tenant: Tenant, kind: str) -> None:
    route, body, expected = BODIES[kind]
    method, path = route.split()
    key = ADMIN_KEY if path == "/users" else tenant.key
    document = problem(await shared.call(method, path, key, json=body), 422)
    assert faults(document) == expected
    shown = "; ".join([*expected.values()][:3])
    assert document["detail"].startswith(shown), "the detail also contains the sentences"
    assert len(expected) <= 3 or document["detail"].endswith(f"and {len(expected) - 3} more, listed in errors")


@pytest.mark.parametrize("kind", QUERIES)
async def test_a_wrong_query(shared: Service, tenant: Tenant, kind: str) -> None:
    path, expected = QUERIES[kind]
    key = ADMIN_KEY if path.startswith("/usage/users") else tenant.key
    body = {"json": {"query": "a"}} if path.startswith("/search") else {}
    answer = await shared.call("POST" if body else "GET", path, key, **body)
    assert faults(problem(answer, 422)) == expected


@pytest.mark.parametrize("kind", FORMS)
async def test_a_wrong_form(tenant: Tenant, kind: str) -> None:
    content_type, body, status, expected = FORMS[kind]
    answer = await tenant.post("/documents", content=body, headers={"Content-Type": content_type})
    assert expected in problem(answer, status)["detail"]


@pytest.mark.parametrize("body", SYNTAX)
async def test_a_body_that_is_not_json(tenant: Tenant, body: bytes) -> None:
    answer = await tenant.post(
        "/search", content=body.replace(b"name", b"metadata"), headers={"Content-Type": "application/json"}
    )
    assert SYNTAX[body] in problem(answer, 400)["detail"]


async def test_a_number_beyond_a_float_is_named(tenant: Tenant) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await tenant.post("/search", content=b'{"query": "a", "threshold": 1e999}', headers=headers)
    assert faults(problem(answer, 422)) == {"threshold": "threshold must be a number; it is too large"}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 25, "9" * 5000])
async def test_a_number_too_large_is_named_in_its_place(tenant: Tenant, number: str) -> None:
    headers = {"Content-Type": "application/json"}
    content = b'{"metadata": {"a": [0, {"b": %s}], "c": 1.5}}' % number.encode()
    answer = await tenant.post("/conversations", content=content, headers=headers)
    assert faults(problem(answer, 422)) == {
        "metadata.a[1].b": "metadata.a[1].b must be a number from -2^63 to 2^63 (about 9.2e18); "
        "send a larger one as a string"
    }


async def test_the_detail_lists_the_first_of_many_faults(tenant: Tenant) -> None:
    body = {f"field_{number}": 1 for number in range(1000)}
    document = problem(await tenant.post("/keys", json=body), 422)
    assert len(document["errors"]) == 20
    assert document["detail"].endswith("and 17 more, listed in errors")


async def test_a_long_name_is_cut(tenant: Tenant) -> None:
    answer = await tenant.post("/keys", json={"x" * 10_000: 1})
    assert problem(answer, 422)["errors"][0]["field"] == "x" * 80 + "…"
    assert len(answer.text) < 1000
