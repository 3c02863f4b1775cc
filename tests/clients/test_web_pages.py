"""The web addresses of `cabinet upload`, and their redirects."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from svc.cli import web_pages
from svc.cli.web_pages import fetched

_TEXT = bytes(range(256)) * 20_000
_COMPRESSED = {
    "/bomb": ("gzip", gzip.compress(bytes(256 * 2**20))),
    "/gzip": ("gzip", gzip.compress(_TEXT[:1_000_000]) + gzip.compress(_TEXT[1_000_000:])),
    "/cut": ("gzip", gzip.compress(_TEXT)[:-20]),
    "/wrong": ("gzip", b"no gzip"),
    "/other": ("br", b"x"),
}


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        port = self.headers["Host"].rpartition(":")[2]
        to = {"/away": "/page.txt", "/inside": f"http://localhost:{port}/page.txt"}
        place = to.get(self.path, "/round" if self.path == "/round" else None)
        self.send_response(302 if place else 200)
        if place:
            self.send_header("Location", place)
        coding, body = _COMPRESSED.get(self.path, ("", b"" if place else b"page"))
        if coding:
            self.send_header("Content-Encoding", coding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/page.txt", "page.txt"), ("/a/b%2Fc.txt", "c.txt"), ("/", "127.0.0.1"), ("/%2e%2e", "127.0.0.1"),
        ("/a%00b.txt", "ab.txt"), ("/" + "x" * 300 + ".txt", "x" * 96 + ".txt"), ("/away", "away"),
    ],
)  # fmt: skip
async def test_a_page_is_saved_under_a_name_that_a_file_can_have(
    site: str, tmp_path: Path, place: str, name: str
) -> None:
    saved = Path(await fetched(site + place, tmp_path))
    assert (saved.name, saved.read_text(), saved.parent.parent) == (name, "page", tmp_path)


@pytest.mark.parametrize("url", ["http://[", "http://a:99999999/", "http://", "http://\0/", "http://a.invalid/"])
async def test_an_address_that_leads_nowhere_is_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(FileNotFoundError, match="cannot be fetched"):
        await fetched(url, tmp_path)


async def test_a_page_of_the_internet_does_not_redirect_into_the_own_network(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path(await fetched(f"{site}/inside", tmp_path)).read_text() == "page"

    async def inside(address: httpx.URL) -> bool:
        return address.host == "localhost"

    # Here, the local address of the site stands for a public one.
    monkeypatch.setattr(web_pages, "_is_inside", inside)
    with pytest.raises(FileNotFoundError, match="redirects to an address in a private network"):
        await fetched(f"{site}/inside", tmp_path)
    assert Path(await fetched(f"{site}/away", tmp_path)).read_text() == "page"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("10.1.2.3", True), ("169.254.169.254", True), ("[::1]", True), ("8.8.8.8", False)],
)
async def test_which_addresses_are_inside(host: str, *, expected: bool) -> None:
    assert await web_pages._is_inside(httpx.URL(f"http://{host}/")) is expected


async def test_a_page_that_redirects_for_ever_is_given_up(site: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="redirects more than 10 times"):
        await fetched(f"{site}/round", tmp_path)


async def test_a_page_that_is_compressed_unasked_is_unpacked(site: str, tmp_path: Path) -> None:
    assert Path(await fetched(f"{site}/gzip", tmp_path)).read_bytes() == _TEXT
    for place, reason in (
        ("/cut", "ends early"),
        ("/wrong", "cannot be fetched"),
        ("/other", "an encoding that cannot be read"),
    ):
        with pytest.raises(FileNotFoundError, match=reason):
            await fetched(site + place, tmp_path)


async def test_a_compressed_page_is_unpacked_in_bounded_memory(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_pages, "_MOST_BYTES", 16 * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(FileNotFoundError, match="has more than 16,777,216 bytes"):
            await fetched(f"{site}/bomb", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
