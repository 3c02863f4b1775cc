"""Errors have Cabinet's own messages: they never include a library's message, which can quote anything."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from svc.catalogue.timings import timings_of_service
from svc.database.connecting import cannot_connect
from svc.errors import DocumentRejectedError, UnavailableError
from svc.ingest import parse as parsing
from svc.ingest.document import ReadDocument
from svc.ingest.formats import FORMATS, FileType
from svc.ingest.parse import parse
from svc.ingest.parser_protocol import Rejected
from svc.ingest.sandbox import _rejected
from svc.settings import load_settings

ROOT = Path(__file__).parents[1]
HOSTILE = "hunter2 \x1b[31m\nFORGED"

# The exceptions: PostgreSQL's messages for people who migrate, examine or change statements, and Cabinet's own errors.
TRUSTED = {
    "svc/cli/connection.py",  # the sentences of Cabinet's own client
    "svc/mcp/server.py",  # the same
    "svc/plans/files.py",  # a plan file of the operator's
    "svc/plans/explain.py",  # the reader knows SQL
    "svc/doctor/examination.py",
    "svc/database/queries.py",  # a statement that cannot be prepared, at the start
    "svc/database/connecting.py",  # PostgreSQL's words, without the password
    "svc/embedded/server.py",
    "svc/migrations/files.py",
    "svc/migrations/migrate.py",
    "svc/migrations/session.py",
}


def _mentions(statement: ast.AST, name: str | None) -> Iterator[int]:
    for node in ast.walk(statement):
        shown = None
        if isinstance(node, ast.FormattedValue):
            shown = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr"):
            shown = node.args[0] if node.args else None
        if isinstance(shown, ast.Name) and shown.id == name:
            yield shown.lineno


def offenders() -> list[str]:
    """The places where the message of a caught exception becomes part of another one."""
    found = []
    for path in sorted((ROOT / "svc").rglob("*.py")):
        relative = path.relative_to(ROOT).as_posix()
        if relative in TRUSTED:
            continue
        for handler in ast.walk(ast.parse(path.read_text())):
            if isinstance(handler, ast.ExceptHandler) and handler.name:
                for raised in ast.walk(handler):
                    if isinstance(raised, ast.Raise) and raised.exc is not None:
                        found += [f"{relative}:{line}" for line in _mentions(raised.exc, handler.name)]
    return found


def test_no_error_contains_the_message_of_a_caught_exception() -> None:
    assert offenders() == []


@pytest.mark.parametrize("file_type", list(FORMATS))
@pytest.mark.parametrize("error", [ValueError(HOSTILE), KeyError(HOSTILE), OSError(5, HOSTILE), Exception()])
def test_a_parser_library_is_not_quoted(file_type: FileType, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_data: bytes) -> ReadDocument:
        raise error

    monkeypatch.setitem(parsing._PARSERS, file_type, failing)
    with pytest.raises(DocumentRejectedError, match=r"cannot be read; it is damaged or truncated\.$") as rejection:
        parse(file_type, b"")
    assert rejection.value.__cause__ is error
    assert type(error).__name__ not in rejection.value.detail


def test_the_answer_of_a_compromised_parser_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rejection = _rejected("pdf", Rejected(HOSTILE * 100_000, HOSTILE * 1000))
    assert len(rejection.detail) < 2000
    assert rejection.detail.isprintable()
    assert all(record.getMessage().isprintable() and len(record.getMessage()) < 500 for record in caplog.records)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("invalid literal for int() with base 10: 'hunter2'"), "cannot be used: a part of its URL"),
        (
            asyncpg.ClientConfigurationError("invalid IPv6 address in the connection URI: 'hunter2'"),
            "a part of its URL",
        ),
        (asyncpg.InterfaceError("hunter2"), "a part of its URL"),
        (asyncpg.ClientConfigurationError("`sslmode` parameter must be one of: hunter2"), "sslmode must be one of"),
        (OSError("Multiple exceptions: hunter2"), "it cannot be reached"),
        (OSError(113, "No route to host"), "No route to host"),
        (asyncpg.InvalidPasswordError('password authentication failed for user "ada" hunter2'), "for user .ada"),
    ],
)
def test_the_reason_of_a_failed_connection_contains_no_part_of_a_password(error: Exception, words: str) -> None:
    refused = cannot_connect("postgresql://ada:hunter2@db.example.com/cabinet", error, {})
    assert "hunter2" not in refused.detail
    assert re.search(words, refused.detail)


@pytest.mark.parametrize("url", ["http://ada:hunter2@127.0.0.1:1", "http://ada:hunter2@["])
def test_a_service_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    with pytest.raises(UnavailableError) as refused:
        timings_of_service(url)
    assert "hunter2" not in refused.value.detail


def test_an_embedded_line_break_in_a_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINET_PORT", "80\n\x1b[31m")
    with pytest.raises(Exception, match="CABINET_PORT") as refused:
        load_settings()
    assert "\x1b" not in str(refused.value)
