"""Converts LlamaIndex's metadata filters to Cabinet's."""

from __future__ import annotations

from typing import Any, Final

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

_COMPARISONS: Final = {
    FilterOperator.EQ: "eq", FilterOperator.NE: "ne", FilterOperator.GT: "gt", FilterOperator.GTE: "gte",
    FilterOperator.LT: "lt", FilterOperator.LTE: "lte", FilterOperator.IN: "in", FilterOperator.NIN: "nin",
    FilterOperator.CONTAINS: "contains",
}  # fmt: skip


def filter_of(filters: MetadataFilters) -> dict[str, Any]:
    """A filter of Cabinet.

    Raises:
        ValueError: Cabinet has no such comparison.
    """
    members = [filter_of(each) if isinstance(each, MetadataFilters) else _comparison(each) for each in filters.filters]
    if filters.condition == FilterCondition.NOT:
        return {"type": "not", "filter": {"type": "or", "filters": members}}
    return {"type": "or" if filters.condition == FilterCondition.OR else "and", "filters": members}


def _comparison(each: MetadataFilter) -> dict[str, Any]:
    key = [each.key]  # A list of names is always a path in the metadata.
    if each.operator in _COMPARISONS:
        return {"type": _COMPARISONS[each.operator], "key": key, "value": each.value}
    if each.operator in (FilterOperator.ANY, FilterOperator.ALL) and isinstance(each.value, list):
        members = [{"type": "contains", "key": key, "value": value} for value in each.value]
        return {"type": "or" if each.operator == FilterOperator.ANY else "and", "filters": members}
    if each.operator == FilterOperator.IS_EMPTY:
        empty = {"type": "in", "key": key, "value": ["", None]}
        return {"type": "or", "filters": [{"type": "exists", "key": key, "value": False}, empty]}
    raise ValueError(f"Cabinet does not compare metadata with {each.operator.value}")
