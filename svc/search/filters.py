"""What a search may be limited to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from svc.ingest.file_types import FileType


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
    def arguments(self) -> dict[str, Any]:
        """The arguments of the statements of `sql/search/` that are filters."""
        # Every document's metadata contains an empty object: no limit, and one for which no index could be used.
        return {**vars(self), "metadata": self.metadata or None}
