"""Plain text and Markdown, which are their own text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from svc.ingest.parsers.characters import decode_text


def parse_text(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The whole of it, decoded."""
    yield decode_text(data), {}
