"""What a search may be limited to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from svc.ingest.file_types import FileType


class FilterArguments(TypedDict):
    """The arguments of the statements of `sql/search/` that are filters."""

    document_ids: list[UUID] | None
    metadata: dict[str, Any] | None
    file_types: list[FileType] | None
    uploaded_after: datetime | None
    uploaded_before: datetime | None


@dataclass(frozen=True)
class Filters:
    """Which chunks a search considers; None: no limit of that kind."""

    document_ids: list[UUID] | None = None
    metadata: dict[str, Any] | None = None
    file_types: list[FileType] | None = None
    uploaded_after: datetime | None = None
    uploaded_before: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every chunk of the tenant is considered."""
        return all(value is None for value in self.arguments.values())

    @property
    def arguments(self) -> FilterArguments:
        """What the statements take."""
        return {
            "document_ids": self.document_ids,
            # Every document's metadata contains an empty object: no limit, and one for which no index could be used.
            "metadata": self.metadata or None,
            "file_types": self.file_types,
            "uploaded_after": self.uploaded_after,
            "uploaded_before": self.uploaded_before,
        }
