"""Converts search results to LangChain documents, and LangChain's filters to Cabinet's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document

from cabinet_client.bodies import Search
from cabinet_client.texts import FoundText

_OF_A_FILTER = frozenset({"key", "filter", "filters"})


def document_of(found: FoundText) -> Document:
    """A text that a search found."""
    return Document(id=found.id, page_content=found.content, metadata=found.metadata)


def restriction(given: Mapping[str, Any] | None) -> Search:
    """The search fields for a filter, which is in Cabinet's grammar or consists of metadata that must be equal."""
    if not given:
        return {}
    if "type" in given and given.keys() & _OF_A_FILTER:
        return {"filter": dict(given)}
    return {"metadata": dict(given)}
