"""Equal texts are told by their digest: for the vectors in memory, and for those that are stored."""

from __future__ import annotations

import hashlib


def text_digest(text: str) -> bytes:
    """The SHA-256 of a text, 32 bytes; of any text, also of one that cannot be embedded."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
