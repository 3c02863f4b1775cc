"""An identity provider on loopback, which signs tokens and serves its public keys, or fails in a chosen way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://id.example.org/", "cabinet"
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
OTHER_RSA_KEY = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, tuple[str, Any]] = {
    "RS256": ("rsa", RSA_KEY), "PS256": ("rsa", RSA_KEY), "ES256": ("ec", EC_KEY), "EdDSA": ("ed", ED_KEY),
}  # fmt: skip


def public(key_id: str, key: Any, **members: Any) -> dict[str, Any]:
    """A public key as a JWK."""
    kind: dict[Any, Any] = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    algorithm: Any = next((value for of, value in kind.items() if isinstance(key, of)), OKPAlgorithm)
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": key_id, "use": "sig", **members}


def key_set(*keys: dict[str, Any]) -> bytes:
    """A JWK Set of these keys, or of all keys of the provider."""
    listed = keys or (public("rsa", RSA_KEY), public("ec", EC_KEY), public("ed", ED_KEY))
    return json.dumps({"keys": listed}).encode()


def token(
    subject: Any = "ada",
    *,
    algorithm: str = "RS256",
    key: Any = None,
    head: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A signed token that is valid except for the changes; a claim that is None is omitted."""
    key_id, own_key = KEYS.get(algorithm, ("rsa", key))
    now = int(time.time())
    payload = {"sub": subject, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 86_400, **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    headers = {name: value for name, value in {"kid": key_id, **(head or {})}.items() if value is not None}
    return jwt.api_jws.encode(json.dumps(payload).encode(), key or own_key, algorithm, headers)


class Provider:
    """Serves the keys at `url`. `answer` is the whole answer, `asked` is the number of requests, `wait_s` is a
    delay."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/keys"
        self.asked = 0
        self.wait_s = 0.0
        self.serve(key_set())

    def serve(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        """Answer with this from now on."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        self.answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def running_provider() -> AsyncIterator[Provider]:
    """Run a provider for the block."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            provider.asked += 1
            await asyncio.sleep(provider.wait_s)
            writer.write(provider.answer)
            await writer.drain()
        except OSError:
            pass  # The client has disconnected.
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    provider = Provider(server.sockets[0].getsockname()[1])
    try:
        yield provider
    finally:
        server.close()
        await server.wait_closed()
