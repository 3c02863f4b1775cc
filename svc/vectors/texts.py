"""The text that stands for a chunk in searches."""

from __future__ import annotations

from typing import Any


def indexed_text(content: str, metadata: dict[str, Any]) -> str:
    """The text of a chunk that is embedded, and indexed for keywords: the headings above it, and its content."""
    headings = metadata.get("heading")
    words = [each for each in headings if isinstance(each, str)] if isinstance(headings, list) else []
    above = [each for each in words if each not in content]
    return f"{' > '.join(above)}\n\n{content}" if above else content
