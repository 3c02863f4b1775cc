"""Digests that identify equal texts and files, for cached and for stored vectors."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

# The number of bytes whose digest takes about a millisecond.
_DIGESTED_AT_ONCE = 2**20


def text_digest(text: str) -> bytes:
    """The SHA-256 of a text, 32 bytes. Accepts any text, even one that cannot be embedded."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


async def bytes_digest(parts: Sequence[bytes]) -> bytes:
    """The SHA-256 of the concatenated parts, 32 bytes; large ones are digested in a thread."""
    if sum(map(len, parts)) <= _DIGESTED_AT_ONCE:
        return _digest(parts)
    return await asyncio.to_thread(_digest, parts)


def _digest(parts: Sequence[bytes]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()
