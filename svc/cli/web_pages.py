"""Fetches web pages for `cabinet upload`."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import httpx

_MOST_BYTES = 512 * 2**20
_TIMEOUT_S = 60.0
_MOST_REDIRECTS = 10
_MOST_NAME = 100
_PLAIN, _GZIP = ("", "identity"), ("gzip", "x-gzip")
_GZIP_WITH_HEADER = 16 + zlib.MAX_WBITS
_PART_BYTES = 2**20


def is_url(source: str) -> bool:
    """Whether a source is a web address and not a path."""
    return source.startswith(("http://", "https://"))


async def fetched(url: str, folder: Path) -> str:
    """A file with the content of a web address, named after the last part of its path.

    A public address may not redirect into the local network, where services may answer without authentication.

    Raises:
        FileNotFoundError: it cannot be fetched.
    """
    try:
        address = httpx.URL(url)
        path = folder / str(len(list(folder.iterdir()))) / _name_of(address)
        path.parent.mkdir()
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, headers={"Accept-Encoding": "identity"}) as http:
            request: httpx.Request | None = http.build_request("GET", address)
            for _ in range(_MOST_REDIRECTS):
                assert request is not None
                if request.url.host != address.host and not await _is_inside(address) and await _is_inside(request.url):
                    raise FileNotFoundError(f"{url} redirects to an address in a private network")
                answer = await http.send(request, stream=True)
                try:
                    request = answer.next_request
                    if request is None:
                        await _save(answer, url, path)
                        return str(path)
                finally:
                    await answer.aclose()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, zlib.error) as error:
        raise FileNotFoundError(f"{url} cannot be fetched ({type(error).__name__})") from error
    raise FileNotFoundError(f"{url} redirects more than {_MOST_REDIRECTS} times")


async def _save(answer: httpx.Response, url: str, path: Path) -> None:
    if not answer.is_success:
        raise FileNotFoundError(f"{url} answered {answer.status_code}")
    size = 0
    with path.open("wb") as file:
        async for part in _decoded(answer, url):
            size += len(part)
            if size > _MOST_BYTES:
                raise FileNotFoundError(f"{url} has more than {_MOST_BYTES:,} bytes")
            file.write(part)


async def _decoded(answer: httpx.Response, url: str) -> AsyncIterator[bytes]:
    """Yield the content in parts of bounded size. Some servers send gzip unasked, and httpx would unpack all of it."""
    coding = answer.headers.get("content-encoding", "").strip().lower()
    if coding in _PLAIN:
        async for part in answer.aiter_raw():
            yield part
        return
    if coding not in _GZIP:
        raise FileNotFoundError(f"{url} is sent in an encoding that cannot be read ({coding[:_MOST_NAME]})")
    unpacked = zlib.decompressobj(_GZIP_WITH_HEADER)
    async for part in answer.aiter_raw():
        rest = part
        while rest:
            yield unpacked.decompress(rest, _PART_BYTES)
            rest = unpacked.unconsumed_tail or unpacked.unused_data
            if unpacked.eof and rest:
                unpacked = zlib.decompressobj(_GZIP_WITH_HEADER)
    # All input is read by now, and zlib keeps at most one block of output back.
    yield unpacked.flush()
    if not unpacked.eof:
        raise FileNotFoundError(f"{url} ends early")


def _name_of(address: httpx.URL) -> str:
    """The last part of the path, if a file can have this name."""
    name = unquote(address.path.rpartition("/")[2]).replace("\0", "").replace("/", "_")[-_MOST_NAME:]
    return name if name.strip(".") else address.host or "page"


async def _is_inside(address: httpx.URL) -> bool:
    """Whether an address leads to this machine or its own network."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(not ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_global for one in found)
