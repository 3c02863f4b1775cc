"""The filters of a search."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self, TypedDict
from uuid import UUID

from msgspec import Meta, Struct

from svc.fields.values import Metadata, Moment
from svc.ingest.formats import FileType


class FilterArguments(TypedDict):
    """The filter arguments of the statements in `sql/search/`."""

    document_ids: list[UUID] | None
    filters: dict[str, Any] | None


class DocumentFilters(Struct, frozen=True, kw_only=True):
    """Limits the documents whose chunks a search considers; None means no limit of that kind.

    `POST /search` accepts these fields, and the function `document_matches` of the schema takes them as a JSON object.
    """

    metadata: Metadata | None = None
    file_types: Annotated[list[FileType], Meta(max_length=10)] | None = None
    uploaded_after: Moment | None = None
    uploaded_before: Moment | None = None


class Filters(DocumentFilters, frozen=True, kw_only=True):
    """Limits the chunks that a search considers; None means no limit of that kind."""

    document_ids: list[UUID] | None = None

    @classmethod
    def of(cls, request: DocumentFilters, document_ids: list[UUID] | None) -> Self:
        """The filters of a request."""
        fields = {name: getattr(request, name) for name in DocumentFilters.__struct_fields__}
        return cls(document_ids=document_ids, **fields)

    @property
    def is_empty(self) -> bool:
        """Whether the search considers every chunk of the tenant."""
        return all(value is None for value in self.arguments.values())

    @property
    def arguments(self) -> FilterArguments:
        """The arguments of the statements."""
        fields = {name: getattr(self, name) for name in DocumentFilters.__struct_fields__}
        # All metadata contains an empty object. As a filter it would limit nothing and prevent the use of an index.
        filters = {name: _member(value) for name, value in fields.items() if value is not None and value != {}}
        return {"document_ids": self.document_ids, "filters": filters or None}


def _member(value: object) -> object:
    """Convert a value as `document_matches` expects it: a timestamp to seconds since 1970."""
    return value.timestamp() if isinstance(value, datetime) else value
