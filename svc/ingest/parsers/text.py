"""Plain text and Markdown, which only need decoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from svc.ingest.parsers.characters import decode_text


def parse_text(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the whole text, decoded."""
    yield decode_text(data), {}
