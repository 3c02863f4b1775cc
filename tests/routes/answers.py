"""Checks that apply to every answer of the service, especially errors."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.conftest import ADMIN_KEY

# Internal details that no answer may contain.
_LEAKS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bselect\b.+\bfrom\b", r"\binsert\s+into\b", r"\bupdate\s+\w+\s+set\b", r"\bdelete\s+from\b", r"\$\d",
        r"traceback", r'file "', r"\.py\b", r"site-packages", r"\bsvc[./]", r"0x[0-9a-f]{6}",
        r"asyncpg", r"msgspec", r"psycopg", r"starlette", r"multipart\.exceptions", r"exception",
        # Phrases in the error messages of msgspec, python-multipart and Starlette.
        r"expected `", r"got `", r"- at `", r"items after validation", r"malformed:", r"\(byte \d", r"was truncated",
        r"rfc ?3339", r"matching regex", r"invalid value", r"invalid multipart", r"exceeded maximum",
        r"\brelation\b", r"\bcolumn\b", r"\bconstraint\b", r"sqlstate", r"_fkey", r"_pkey", r"_idx\b", r"_check\b",
        r"api_keys", r"chunk_vectors", r"tenant_totals", r"ingestion_jobs", r"document_contents",
        r"conversation_documents", r"embedding_model", r"schema_migrations", r"key_hash", r"users_email",
        r"postgres(ql)?://", r"\bcab_", re.escape(ADMIN_KEY),
    )
]  # fmt: skip


def problem(response: httpx.Response, status: int, field: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem document with this status and field, and return it."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["title"], "no title"
    assert document["detail"], "no detail"
    assert document["request_id"] == response.headers["x-request-id"]
    leaks = [pattern.pattern for pattern in _LEAKS if pattern.search(response.text)]
    assert not leaks, f"{response.text} leaks {leaks}"
    statements(response)
    if status == 401:
        assert response.headers["www-authenticate"].startswith("Bearer")
    if status == 503:
        assert int(response.headers["retry-after"]) >= 1
    if field is not None:
        assert [fault["field"] for fault in document.get("errors", [])] == [field], response.text
        assert all(fault["detail"] for fault in document["errors"])
    return document


def statements(response: httpx.Response) -> int:
    """Return the number of statements of the request, from the header `Server-Timing`."""
    timing = re.fullmatch(r'db;dur=\d+\.\d+;desc="(\d+) statements?"', response.headers["server-timing"])
    assert timing, response.headers["server-timing"]
    return int(timing[1])


def ok(response: httpx.Response, status: int = 200) -> Any:
    """Check that an answer is successful, and return its JSON."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    assert response.headers["content-type"] == "application/json"
    statements(response)
    return response.json()


def done(response: httpx.Response) -> None:
    """Check that the answer is 204 with an empty body."""
    assert response.status_code == 204, response.text
    assert response.content == b""
