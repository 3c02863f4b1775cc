"""The Python client and the commands with a wrong address, a wrong key, or another service."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cabinet_client import (
    AnswerError,
    Cabinet,
    CabinetClientError,
    Event,
    NoAnswerError,
    NotAuthenticatedError,
    UnexpectedAnswerError,
    models,
)
from tests.clients.losing_proxy import losing_proxy
from tests.server_process import CABINET, ServerProcess, clean_environment

HTML = b"<html>Welcome</html>"


@contextmanager
def answering(status: int, body: bytes = HTML, **headers: str) -> Iterator[str]:
    """A server that gives every request the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815, the name is the library's

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def me_of(url: str, key: str | None, **options: Any) -> models.Me:
    """Request the user of the key."""
    with Cabinet(url, key, **options) as client:
        return client.me()


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "localhost:8080", "ftp://host", "http://", "http://host:99999", "http://[::1", "cab_abc"]
)
def test_an_invalid_url_is_reported_immediately(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a service"):
        Cabinet(url, "cab_key")


def test_a_key_from_a_file_ends_with_a_line_break(server: ServerProcess, admin: Cabinet) -> None:
    key = admin.users.create("line-break@example.com").api_key

    assert me_of(f" {server.url}/\n", f"{key}\r\n").email == "line-break@example.com"
    for wrong in ("cab_a\ncab_b", "cab_a\r\nCabinet-User: b", "cab_\0"):
        with pytest.raises(ValueError, match="key contains a control character") as refused:
            Cabinet(server.url, wrong)
        assert "cab_" not in str(refused.value)
    with pytest.raises(ValueError, match="user contains a control character"):
        admin.for_user("somebody\nelse")


def test_the_service_reports_a_missing_key(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CABINET_KEY", raising=False)
    for key in (None, "", " \n"):
        with pytest.raises(NotAuthenticatedError, match="key"):
            me_of(server.url, key)


@pytest.mark.parametrize("body", [HTML, b"", b'{"hello": 1}', b"[]", b"\xff\xfe"])
def test_something_else_that_answers_is_an_error_of_the_client(body: bytes, tmp_path: Path) -> None:
    events: list[Event] = []
    with answering(200, body) as url, Cabinet(url, "cab_key", on_event=events.append) as client:
        works: list[Callable[[], object]] = [
            client.me,
            lambda: client.search("x"),
            lambda: list(client.documents.list()),
            lambda: client.export(tmp_path / "export.ndjson"),
        ]
        for work in works:
            with pytest.raises(UnexpectedAnswerError, match="is not Cabinet"):
                work()
    assert not (tmp_path / "export.ndjson").exists()
    assert not events, "it would be the same again"


def test_an_answer_that_cannot_be_decompressed_is_an_error_of_the_client() -> None:
    with answering(200, b"no gzip", Content_Encoding="gzip") as url, pytest.raises(UnexpectedAnswerError):
        me_of(url, "cab_key")


def test_a_redirect_says_where_it_leads() -> None:
    with (
        answering(301, b"", Location="https://cabinet.example.com/me") as url,
        pytest.raises(AnswerError, match=r"301 .*redirects to https://cabinet\.example\.com/me"),
    ):
        me_of(url, "cab_key")


def test_an_error_without_a_problem_document_has_a_detail(server: ServerProcess) -> None:
    with pytest.raises(AnswerError, match=r"404 .*\w") as refused:
        me_of(f"{server.url}/v1", "cab_key")
    assert refused.value.detail
    with answering(502) as url, pytest.raises(AnswerError, match="502 Unexpected answer: <html>Welcome"):
        me_of(url, "cab_key", retries=0)
    with answering(502, b"") as url, pytest.raises(AnswerError, match="502 Unexpected answer: it has no content"):
        me_of(url, "cab_key", retries=0)


def test_no_answer_has_the_reason(server: ServerProcess) -> None:
    with losing_proxy(server.url) as proxy:
        gone = proxy.url
    with pytest.raises(NoAnswerError, match=rf"GET /me: ConnectError: .*refused.* \({gone}\)"):
        me_of(gone, "cab_key", retries=0)
    with pytest.raises(CabinetClientError, match="ConnectError: "):
        me_of("http://nowhere.invalid", "cab_key", retries=0)
    with pytest.raises(NoAnswerError, match="SSL"):
        me_of(server.url.replace("http:", "https:"), "cab_key", retries=0)


def command(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a separate process."""
    return subprocess.run(
        [*CABINET, *words], check=False, env=clean_environment(**variables), capture_output=True, text=True
    )


def test_a_command_says_what_is_wrong_in_one_line(server: ServerProcess, tmp_path: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    with answering(200) as url:
        other = command("search", "x", "--url", url, "--key", "cab_key", **home)
    for said, code, word in (
        (other, 1, "is not Cabinet"),
        (command("search", "x", "--url", "127.0.0.1:8080", "--key", "cab_key", **home), 2, "not the URL"),
        (command("search", "x", "--url", server.url, "--key", "a\nb", **home), 2, "control character"),
        (command("login", "--url", server.url, "--key", "", **home), 2, "empty"),
        (command("login", "--url", "nothing", "--key", "cab_key", **home), 2, "not the URL"),
    ):
        assert (said.returncode, said.stdout) == (code, ""), said
        assert word in said.stderr
        assert said.stderr.startswith("cabinet: ")
        assert said.stderr.count("\n") == 1, said.stderr


def test_a_saved_key_is_shown_to_its_own_service_alone(server: ServerProcess, admin: Cabinet, tmp_path: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    key = admin.users.create("saved-key@example.com").api_key
    assert command("login", "--url", server.url, "--key", key, **home).returncode == 0
    assert command("document", "list", "--url", f"{server.url}/", **home).returncode == 0
    with losing_proxy(server.url) as proxy:
        for words, variables in (((f"--url={proxy.url}",), {}), ((), {"CABINET_URL": proxy.url})):
            refused = command("document", "list", *words, **home, **variables)
            assert refused.returncode == 2
            assert f"The saved API key is one of {server.url}" in refused.stderr
        assert not proxy.requests
        assert command("document", "list", "--url", proxy.url, "--key", key, **home).returncode == 0


def test_a_full_disk_is_reported(server: ServerProcess, admin: Cabinet) -> None:
    key = admin.users.create("full-disk@example.com").api_key
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [*CABINET, "document", "list"],
            check=False,
            env=clean_environment(CABINET_URL=server.url, CABINET_KEY=key),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert said.returncode == 1
    assert said.stderr == "cabinet: nothing more can be written: No space left on device\n"
