"""The public keys of an identity provider: fetches and parses a JWK Set (RFC 7517).

Only public keys that can verify one of `ALGORITHMS` are kept. Symmetric keys are ignored: otherwise anybody who knows
the published keys could sign with one of them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from svc.errors import CabinetError
from svc.settings.http_url import without_credentials

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""The algorithms of signatures that are accepted, all of them asymmetric."""
MAX_KEY_ID = 255
"""Maximum characters of a key id."""

_OF_KIND = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_MEMBERS = ("kty", "n", "e", "crv", "x", "y")
# A shorter key can be broken; verification with a longer key takes long.
_RSA_BITS = range(2048, 8193)
_MAX_KEYS = 100
_MAX_BYTES = 256 * 2**10
_TIMEOUT_S = 5.0


class KeySetError(CabinetError):
    """The keys cannot be read; `detail` completes a sentence about their source, for the operator."""


@dataclass(frozen=True)
class VerificationKey:
    """A public key, and the algorithms for which it may be used. `key_id` is the `kid` of tokens."""

    key_id: str | None
    algorithms: frozenset[str]
    key: Any


async def read_key_set(source: str | Path) -> list[VerificationKey]:
    """Read the keys at a URL or in a file. It takes at most 5 seconds.

    Raises:
        KeySetError: they cannot be read.
    """
    body = await _fetched(source) if isinstance(source, str) else await asyncio.to_thread(_read, source)
    return await asyncio.to_thread(parse_key_set, body)


def parse_key_set(body: bytes) -> list[VerificationKey]:
    """Read a JWK Set, without the keys that cannot be used.

    Raises:
        KeySetError: it is not a JWK Set, or contains no usable key.
    """
    try:
        found = msgspec.json.decode(body)["keys"]
        listed = [key for key in found[:_MAX_KEYS] if isinstance(key, dict)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        raise KeySetError("is not a JWK Set") from None
    keys = [key for each in listed if (key := _usable(each)) is not None]
    if not keys:
        raise KeySetError(f"has no public key for {', '.join(ALGORITHMS)}")
    return keys


def _usable(described: dict[str, Any]) -> VerificationKey | None:
    kind, key_id = described.get("kty"), described.get("kid")
    if not isinstance(kind, str) or kind not in _OF_KIND or described.get("use", "sig") != "sig":
        return None
    if not (key_id is None or (isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID)):
        return None
    if kind in _CURVES and described.get("crv") != _CURVES[kind]:
        return None
    algorithms = frozenset(name for name in _OF_KIND[kind] if described.get("alg", name) == name)
    try:
        key = jwt.PyJWK({name: described[name] for name in _MEMBERS if name in described}, _OF_KIND[kind][0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size not in _RSA_BITS:
        return None
    return VerificationKey(key_id, algorithms, key) if algorithms else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise KeySetError(f"cannot be read: {error.strerror}") from None
    if len(body) > _MAX_BYTES:
        raise KeySetError(f"has more than {_MAX_BYTES:,} bytes")
    return body


async def _fetched(url: str) -> bytes:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            # Reading the trusted certificates takes about 30 ms. With its own transport, the client uses no proxy.
            transport = await asyncio.to_thread(httpx.AsyncHTTPTransport)
            async with httpx.AsyncClient(transport=transport, timeout=_TIMEOUT_S, follow_redirects=False) as client:
                return await _answer(client, url)
    except TimeoutError:
        raise KeySetError(f"did not answer within {_TIMEOUT_S:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise KeySetError(f"cannot be fetched ({type(error).__name__})") from None


async def _answer(client: httpx.AsyncClient, url: str) -> bytes:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code != httpx.codes.OK:
            note = "; redirects are not followed" if answer.has_redirect_location else ""
            raise KeySetError(f"answered {answer.status_code}{note}")
        # Decompressed, a small answer could become any number of bytes.
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise KeySetError("answered with a compressed body")
        body = bytearray()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > _MAX_BYTES:
                raise KeySetError(f"answered with more than {_MAX_BYTES:,} bytes")
        return bytes(body)


def shown(source: str | Path) -> str:
    """A source for messages, without a password."""
    return without_credentials(source) if isinstance(source, str) else str(source)
