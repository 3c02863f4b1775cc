"""Hostile and careless messages to `/mcp`, without the SDK's client: all are answered, with Cabinet's own messages."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from cabinet_client import Cabinet
from tests.server_process import ServerProcess

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
WRONG: dict[str, tuple[bytes, int, str]] = {
    "no version": (b'{"id": 1, "method": "ping"}', 422, 'jsonrpc must be "2.0"'),
    "another version": (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', 422, 'jsonrpc must be "2.0"'),
    "a null id": (b'{"jsonrpc": "2.0", "id": null, "method": "tools/list"}', 422, "id must be"),
    "an object as the id": (b'{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}', 422, "id must be"),
    "a fraction as the id": (b'{"jsonrpc": "2.0", "id": 1.5, "method": "tools/list"}', 422, "id must be"),
    "true as the id": (b'{"jsonrpc": "2.0", "id": true, "method": "tools/list"}', 422, "id must be"),
    "no method": (b'{"jsonrpc": "2.0", "id": 1}', 422, "method is required"),
    "a number as the method": (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', 422, "method must be"),
    "a result and an error": (b'{"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}', 422, "method is required"),
    "a list of params": (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', 422, "params must be"),
    "an unknown cursor": (
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": "zzz"}}', 422, "omit cursor",
    ),
    "a batch": (b"[]", 422, "the body must be a JSON object"),
    "a deep message": (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": ' + b'{"a":' * 300 + b"1" + b"}" * 301,
        400,
        "32 levels",
    ),
    "a deep list": (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a":' + b"[" * 40 + b"]" * 40 + b"}}",
        400,
        "32 levels",
    ),
    "a number too large": (
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": {"limit": 1e400}}}',
        422,
        "params.arguments.limit must be a number from -2^63",
    ),
    "half a character": (b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}', 400, "cannot be read as JSON"),
}  # fmt: skip
HEADERS: dict[str, tuple[dict[str, str], int, str]] = {
    "text": ({"Content-Type": "text/plain"}, 415, "Content-Type: application/json"),
    "an unknown protocol": ({"MCP-Protocol-Version": "1999-01-01"}, 400, "MCP-Protocol-Version must be one of"),
    "a long protocol": ({"MCP-Protocol-Version": "x" * 5000}, 400, "MCP-Protocol-Version must be one of"),
}


@pytest.fixture(scope="module")
def client(server: ServerProcess, admin: Cabinet) -> httpx.Client:
    """Sends messages with a user's key."""
    return server.client(admin.users.create("messages@example.com").api_key)


def refused(answer: httpx.Response, status: int, words: str) -> None:
    """Check that an answer is a problem document with Cabinet's own message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert "pydantic" not in answer.text
    assert len(answer.text) < 1000


@pytest.mark.parametrize("name", WRONG)
def test_a_message_that_is_none_is_refused(client: httpx.Client, name: str) -> None:
    body, status, words = WRONG[name]
    refused(client.post("/mcp", content=body, headers={"Content-Type": "application/json"}), status, words)


@pytest.mark.parametrize("name", HEADERS)
def test_a_message_with_a_wrong_header_is_refused(client: httpx.Client, name: str) -> None:
    headers, status, words = HEADERS[name]
    answer = client.post("/mcp", content=json.dumps(LIST), headers={"Content-Type": "application/json"} | headers)
    refused(answer, status, words)


def test_a_compressed_message_and_parameters_are_refused(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    refused(
        client.post("/mcp", content=gzip.compress(json.dumps(LIST).encode()), headers=headers),
        415,
        "without compression",
    )
    refused(client.post("/mcp?session=1", json=LIST), 422, "there is no parameter session; this route takes none")


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream", "text/html", "application/json;q=0"])
def test_the_answer_is_json_whatever_is_accepted(client: httpx.Client, accept: str) -> None:
    answer = client.post("/mcp", json=LIST, headers={"Accept": accept})
    assert len(answer.json()["result"]["tools"]) == 6


def test_the_id_of_a_session_opens_nothing(client: httpx.Client, server: ServerProcess, admin: Cabinet) -> None:
    """There are no sessions: neither a chosen nor another user's id has an effect, and no header names one."""
    chosen = {"Mcp-Session-Id": "chosen"}
    begin = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    began = client.post("/mcp", json=LIST | {"method": "initialize", "params": begin}, headers=chosen)
    assert "mcp-session-id" not in began.headers
    call = LIST | {"method": "tools/call", "params": {"name": "list_documents", "arguments": {}}}
    other = server.client(admin.users.create("sessions@example.com").api_key)
    key = other.post("/keys", json={"name": "soon revoked"}).json()
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key['api_key']}"}, timeout=30) as kept:
        assert kept.post("/mcp", json=call, headers=chosen).json()["result"]["isError"] is False
        other.delete(f"/keys/{key['key']['id']}").raise_for_status()
        assert kept.post("/mcp", json=call, headers=chosen).status_code == 401


def test_answers_and_notifications_are_accepted(client: httpx.Client) -> None:
    for body in ({"id": 1, "result": {}}, {"id": 1, "error": 5}, {"method": "notifications/initialized"}):
        answer = client.post("/mcp", json={"jsonrpc": "2.0"} | body)
        assert (answer.status_code, answer.content) == (202, b"")


def test_a_prompt_that_is_not_there_fills_no_log(client: httpx.Client, server: ServerProcess) -> None:
    before = server.log()
    answer = client.post("/mcp", json=LIST | {"method": "prompts/get", "params": {"name": "x"}}).json()
    assert answer["error"] == {"code": -32602, "message": "there are no prompts; tools/list lists the tools"}
    assert "Traceback" not in server.log().removeprefix(before)
