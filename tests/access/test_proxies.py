"""The address of a client behind a reverse proxy: only trusted proxies are believed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from svc.access import failed_logins
from svc.access.failed_logins import FailedLogins
from svc.access.keys import generate_key
from svc.errors import StartupError
from svc.settings import load_settings
from tests.conftest import PATIENCE_S
from tests.server_process import ServerProcess

PROXY, CLIENT = "127.0.0.2", "127.0.0.1"
# More keys than are looked up for an address without a pause.
MANY = 80


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess({"CABINET_TRUSTED_PROXIES": f"192.0.2.0/24, {PROXY}"}) as running:
        yield running


def answers(server: ServerProcess, address: str, forwarded_for: list[str], path: str = "/me") -> list[int]:
    """The statuses of unknown keys from an address, each sent with one of these values of the header."""
    transport = httpx.HTTPTransport(local_address=address)
    statuses = []
    with httpx.Client(base_url=server.url, transport=transport, timeout=PATIENCE_S) as client:
        for value in forwarded_for:
            headers = {"Authorization": f"Bearer {generate_key().key}", "X-Forwarded-For": value}
            statuses.append(client.request("POST" if path == "/mcp" else "GET", path, headers=headers).status_code)
    return statuses


@pytest.mark.parametrize("path", ["/me", "/mcp"])
def test_the_clients_of_a_trusted_proxy_are_distinguished(server: ServerProcess, path: str) -> None:
    host = {"/me": 1, "/mcp": 2}[path]
    # The client's own claim precedes the proxy's addition, and is ignored.
    guesser = [f"198.51.100.{number}, 203.0.113.{host}, 192.0.2.7" for number in range(MANY)]
    assert 429 in answers(server, PROXY, guesser, path)
    assert answers(server, PROXY, [f"203.0.113.{host + 10}"], path) == [401]


def test_nobody_else_chooses_an_address(server: ServerProcess) -> None:
    assert 429 in answers(server, CLIENT, [f"198.51.100.{number}" for number in range(MANY)])


def test_wrong_keys_sent_to_the_tools_count_for_their_sender_only(server: ServerProcess) -> None:
    assert 429 in answers(server, "127.0.0.4", [""] * MANY, "/mcp")
    assert answers(server, "127.0.0.5", [""], "/mcp") == [401]
    assert answers(server, "127.0.0.6", [""]) == [401]


@pytest.mark.parametrize("value", ["proxy.example.com", "10.0.0.0/33", "10.0.0.1/8", "*", "0.0.0.0/0", "::/0"])
def test_an_invalid_proxy_is_refused(value: str) -> None:
    with pytest.raises(StartupError, match="TRUSTED_PROXIES"):
        load_settings(trusted_proxies=value)


def test_a_long_address_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "_BURST", 1)
    failures = FailedLogins(lambda: 0.0)
    failures.note_failure("a" * 30_000, b"key")
    assert [len(address) for address in failures._failures] == [64]
    assert failures.wait_s("a" * 40_000, b"key") > 0
