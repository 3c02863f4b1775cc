"""The filters of a search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from svc.ingest.file_types import FileType


class FilterArguments(TypedDict):
    """The filter arguments of the statements in `sql/search/`."""

    document_ids: list[UUID] | None
    metadata: dict[str, Any] | None
    file_types: list[FileType] | None
    uploaded_after: datetime | None
    uploaded_before: datetime | None


@dataclass(frozen=True)
class Filters:
    """Limits the chunks that a search considers; None means no limit of that kind."""

    document_ids: list[UUID] | None = None
    metadata: dict[str, Any] | None = None
    file_types: list[FileType] | None = None
    uploaded_after: datetime | None = None
    uploaded_before: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the search considers every chunk of the tenant."""
        return all(value is None for value in self.arguments.values())

    @property
    def arguments(self) -> FilterArguments:
        """The arguments of the statements."""
        return {
            "document_ids": self.document_ids,
            # All metadata contains an empty object. As a filter it would limit nothing and prevent the use of an index.
            "metadata": self.metadata or None,
            "file_types": self.file_types,
            "uploaded_after": self.uploaded_after,
            "uploaded_before": self.uploaded_before,
        }
