"""Values cannot inject lines into the log, as text and as JSON."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from svc.log_context import LogContext, begin_log_context, end_log_context
from svc.log_format import SEVERAL_LINES, JsonFormatter, TextFormatter
from svc.printable import escaped_json, printable, shortened
from tests.server_process import ServerProcess

FORGED = "2026-11-28 00:00:00,000 ERROR   svc: forged"
HOSTILE = f"a\n{FORGED}\r\x1b[31m\x9b31m\u202e\u2028\x00\ud800\x7f"


@pytest.fixture(autouse=True)
def _no_context() -> Iterator[None]:
    yield
    end_log_context()


def record(message: str, *arguments: object, **extra: Any) -> logging.LogRecord:
    name = "svc.test"
    return logging.getLogger(name).makeRecord(
        name, logging.ERROR, "", 0, message, arguments, extra.pop("exc_info", None), extra=extra or None
    )


def caught(message: str) -> Any:
    error = ValueError(message)
    error.__cause__ = KeyError(message)
    return (ValueError, error, None)


# --- printable characters


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"), ("ä € 日本 🙂", "ä € 日本 🙂"), ("a\nb", r"a\nb"), ("\r\t", r"\r\t"),
        ("\x1b[31m", r"\x1b[31m"), ("\x00\x7f\x9b", r"\x00\x7f\x9b"), ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"), ("\ud800", r"\ud800"), ("\U000e0041", r"\U000e0041"),
        ("می\u200cخواهم", "می\u200cخواهم"), ("👩\u200d👧", "👩\u200d👧"),
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),
    ],
)  # fmt: skip
def test_control_characters_are_escaped_and_nothing_else(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_text_is_cut_and_kept_on_one_line() -> None:
    assert shortened(" a\n\n b ", 10) == "a b"
    assert shortened("x" * 10_000_000, 5) == "xxxxx…"
    assert shortened("\x1b" * 3, 5) == r"\x1b\x1b\x1b"


def test_json_is_escaped_without_changing_its_value() -> None:
    encoded = json.dumps({"a": HOSTILE, "b": "ä"}, ensure_ascii=False)
    escaped = escaped_json(encoded)
    assert json.loads(escaped) == json.loads(encoded)
    assert "\x9b" not in escaped
    assert "\u202e" not in escaped


# --- text


@pytest.mark.parametrize(
    "arguments",
    [("%s", HOSTILE), ("%r", Exception(HOSTILE)), (HOSTILE,), ("%s", HOSTILE.encode("utf-8", "replace").decode())],
)
def test_no_value_begins_a_line(arguments: tuple[Any, ...]) -> None:
    shown = TextFormatter().format(record(*arguments))
    assert "\n" not in shown
    assert shown.isprintable()


def test_the_lines_of_a_traceback_are_indented_and_printable() -> None:
    shown = TextFormatter().format(record("failed", exc_info=caught(HOSTILE)))
    first, *others = shown.split("\n")
    assert first.endswith("svc.test: failed")
    assert len(others) > 3
    assert all(line.startswith("    ") and line.isprintable() for line in others)


def test_a_message_of_several_lines_is_indented() -> None:
    shown = TextFormatter().format(record("plan:\n%s", f"    scan\n{FORGED}\x1b", **SEVERAL_LINES))
    assert shown.split("\n")[1:] == ["    scan", f"    {FORGED}\\x1b"]


# --- JSON


def test_a_record_is_one_object_with_the_known_fields() -> None:
    user_id = UUID(int=1)
    begin_log_context(LogContext("abc", "GET", "/a\nb", user_id, "d"))
    shown = JsonFormatter().format(record("message %s", HOSTILE, status=200, duration_ms=1.5))
    assert "\n" not in shown
    assert "\x9b" not in shown
    found = json.loads(shown)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found.pop("timestamp"))
    assert found == {
        "level": "error", "logger": "svc.test", "message": f"message {HOSTILE}".replace("\ud800", r"\ud800"),
        "request_id": "abc", "method": "GET", "path": "/a\nb", "user_id": str(user_id), "document_id": "d",
        "status": 200, "duration_ms": 1.5,
    }  # fmt: skip


def test_a_record_of_no_request_has_no_empty_parts() -> None:
    found = json.loads(JsonFormatter().format(record("failed", exc_info=caught(HOSTILE))))
    assert found.keys() == {"timestamp", "level", "logger", "message", "exception"}
    assert "ValueError" in found["exception"]


# --- a real server


def raw(url: str, request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall(request)
        return connection.recv(65_536)


def requested(url: str, path: str) -> None:
    raw(url, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())


LIBRARIES = """
import logging, warnings
from svc.log_format import configure_log
configure_log("info", "json")
logging.getLogger("uvicorn.error").warning("of uvicorn\\n%s", "forged")
logging.getLogger("asyncio").error("of asyncio\\nforged")
warnings.warn("of Python\\nforged")
raise ValueError("a bug\\nforged")
"""


def test_warnings_of_libraries_and_bugs_are_also_json() -> None:
    done = subprocess.run([sys.executable, "-c", LIBRARIES], capture_output=True, text=True, timeout=60, check=False)
    found = [json.loads(line) for line in done.stderr.splitlines()]
    assert [one["logger"] for one in found] == ["uvicorn.error", "asyncio", "py.warnings", "svc"]
    assert found[-1]["level"] == "critical"
    assert "ValueError: a bug" in found[-1]["exception"]


ATTACK = f"/documents/x%0a{FORGED.replace(' ', '%20')}%0d%1b[31m%c2%9b%e2%80%a8%00"


def test_a_path_writes_no_line_into_the_log() -> None:
    with ServerProcess({"CABINET_LOG_LEVEL": "debug", "CABINET_WORKER_CONCURRENCY": "0"}) as server:
        requested(server.url, ATTACK)
        parts = urlsplit(server.url)
        # A client that leaves during its upload is logged with its path.
        with socket.create_connection((parts.hostname, parts.port), 10) as connection:
            head = f"POST {ATTACK} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nAuthorization: Bearer x\r\n\r\n"
            connection.sendall(head.encode() + b"x")
        raw(server.url, b"NO SUCH\nREQUEST\r\n\r\n")
        time.sleep(0.5)
        log = server.log()
    assert "GET (none)" in log or "GET /documents" in log
    for line in log.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +[\w.]+: |    ", line), line
        assert line.isprintable(), repr(line)
    assert not any(line.startswith(FORGED) for line in log.splitlines())


def test_every_line_of_the_log_is_json() -> None:
    """The log contains requests at the level info, and a document's ingestion."""
    with ServerProcess({"CABINET_LOG_FORMAT": "json", "CABINET_LOG_LEVEL": "info"}) as server:
        client = server.client(server.user("ada@example.com"))
        user_id = client.get("/me", headers={"X-Request-Id": "traced-1"}).json()["id"]
        document = client.post("/documents", json={"filename": "a.txt", "content": "A text."}).json()
        assert server.ended(client, document["id"], 60)["status"] == "ready"
        requested(server.url, ATTACK)
        raw(server.url, b"NO SUCH\nREQUEST\r\n\r\n")
        time.sleep(0.3)
        log = server.log()
    found = [json.loads(line) for line in log.splitlines()]
    assert all(one.keys() >= {"timestamp", "level", "logger", "message"} for one in found)
    me = next(one for one in found if one.get("request_id") == "traced-1")
    assert (me["method"], me["path"], me["status"], me["user_id"], me["level"]) == ("GET", "/me", 200, user_id, "info")
    assert me["duration_ms"] > 0
    ingested = next(one for one in found if one["logger"] == "svc.ingest.worker")
    assert (ingested["document_id"], ingested["user_id"]) == (document["id"], user_id)
    assert any(FORGED in one.get("path", "") for one in found)
