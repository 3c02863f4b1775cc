"""The filters of a search."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypedDict
from uuid import UUID

from msgspec import Meta, Struct

from svc.fields.validation import Faults
from svc.fields.values import Metadata, Moment, check_metadata, check_moment
from svc.filters.arguments import as_json, matching_arguments
from svc.filters.columns import DOCUMENT_FIELDS
from svc.filters.foreign_forms import check_no_operator
from svc.filters.jsonpath import predicate
from svc.filters.reading import Filter, read_filter
from svc.ingest.formats import SearchedType


class FilterArguments(TypedDict):
    """The filter arguments of the statements in `sql/search/`."""

    document_ids: list[UUID] | None
    filters: dict[str, Any] | None
    collection_ids: list[UUID] | None
    attributes: str | None


class DocumentFilters(Struct, frozen=True, kw_only=True):
    """Limits the documents whose chunks a search considers; None means no limit of that kind.

    `POST /search` accepts these fields, and the function `document_matches` of the schema takes them as a JSON object,
    in which `svc/filters/` has split `filter` into parts.
    """

    filter: Filter | None = None
    metadata: Metadata | None = None
    file_types: Annotated[list[SearchedType], Meta(max_length=10)] | None = None
    uploaded_after: Moment | None = None
    uploaded_before: Moment | None = None


class Filters(DocumentFilters, frozen=True, kw_only=True):
    """Limits the chunks that a search considers; None means no limit of that kind."""

    document_ids: list[UUID] | None = None
    collection_ids: list[UUID] | None = None
    attributes: Filter | None = None

    @classmethod
    def of(
        cls,
        request: DocumentFilters,
        document_ids: list[UUID] | None,
        collection_ids: list[UUID] | None = None,
        attributes: Filter | None = None,
    ) -> Self:
        """The filters of a request. `attributes` is a filter on the attributes that a file has in its collection."""
        fields = {name: getattr(request, name) for name in DocumentFilters.__struct_fields__}
        return cls(document_ids=document_ids, collection_ids=collection_ids, attributes=attributes, **fields)

    @property
    def is_empty(self) -> bool:
        """Whether the search considers every chunk of the tenant."""
        return all(value is None for value in self.arguments.values())

    @property
    def arguments(self) -> FilterArguments:
        """The arguments of the statements."""
        return {
            "document_ids": self.document_ids,
            "filters": matching(self),
            "collection_ids": self.collection_ids,
            "attributes": None if self.attributes is None else attributes_path(self.attributes),
        }


def matching(filters: DocumentFilters) -> dict[str, Any] | None:
    """Return the argument of `document_matches`, or None if every document matches.

    Raises:
        InvalidRequestError: the filter is not valid; see `read_filter`.
    """
    fields = {name: getattr(filters, name) for name in DocumentFilters.__struct_fields__ if name != "filter"}
    # All metadata contains an empty object. As a filter it would limit nothing and prevent the use of an index.
    given = {name: value for name, value in fields.items() if value is not None and value != {}}
    if filters.filter is not None:
        return matching_arguments(read_filter(filters.filter, DOCUMENT_FIELDS), given)
    return as_json(given) or None


def attributes_path(filter_: dict[str, Any], field: str = "attribute_filter") -> str:
    """Return the jsonpath of a filter on the attributes of a file in a collection.

    Raises:
        InvalidRequestError: the filter is not valid; see `read_filter`.
    """
    return predicate(read_filter(filter_, {}, field))


def check_filters(faults: Faults, filters: DocumentFilters) -> None:
    """Check the constraints that the types do not express, and collect the errors."""
    faults.check(_check_contained, filters.metadata, "metadata")
    faults.check(check_moment, filters.uploaded_after, "uploaded_after")
    faults.check(check_moment, filters.uploaded_before, "uploaded_before")
    faults.check(_check_filter, filters.filter, "filter")


def _check_contained(metadata: dict[str, Any], field: str) -> None:
    check_metadata(metadata, field)
    check_no_operator(metadata, field)


def _check_filter(filter_: dict[str, Any], field: str) -> None:
    read_filter(filter_, DOCUMENT_FIELDS, field)
