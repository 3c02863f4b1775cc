"""Splits a filter into conditions that indexes support, and a jsonpath for the rest: the argument of a statement.

The argument is a JSON object for the functions `document_matches`, `conversation_matches` and `message_matches` of the
schema.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from svc.filters.jsonpath import predicate
from svc.filters.tree import ORDERS, Column, Comparison, Group, Path, Tree

_A_MICROSECOND = timedelta(microseconds=1)
_ABSENT = object()


def as_json(members: dict[str, Any]) -> dict[str, Any]:
    """Convert the members as the functions expect them: timestamps to seconds since 1970."""
    return {name: value.timestamp() if isinstance(value, datetime) else value for name, value in members.items()}


def matching_arguments(tree: Tree, others: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the argument for a filter, combined with the members `others`.

    Equality with a member of the metadata, at the top or beneath `and`, becomes part of `metadata`, which an index on
    the metadata serves. Limits of `created_at` become `uploaded_after` (inclusive) and `uploaded_before` (exclusive),
    and the file type becomes `file_types`. The rest becomes `path`, and `has_fields` says whether that refers to
    fields besides the metadata.
    """
    arguments = copy.deepcopy(others or {})
    rest = [part for part in _conjuncts(tree) if not _is_divided(arguments, part)]
    if rest:
        left = rest[0] if len(rest) == 1 else Group("and", tuple(rest))
        arguments["path"] = predicate(left)
        if any(isinstance(comparison.key, Column) for comparison in _comparisons(left)):
            arguments["has_fields"] = True
    return as_json(arguments)


def _is_divided(arguments: dict[str, Any], part: Tree) -> bool:
    """Add a condition if an index supports it. Returns whether one does."""
    if not isinstance(part, Comparison):
        return False
    if isinstance(part.key, Path):
        return _contain(arguments, part, part.key)
    return _limit(arguments, part) if part.key.name == "created_at" else _choose(arguments, part)


def _conjuncts(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, Group) and (tree.kind == "and" or len(tree.parts) == 1):
        for part in tree.parts:
            yield from _conjuncts(part)
    else:
        yield tree


def _comparisons(tree: Tree) -> Iterator[Comparison]:
    if isinstance(tree, Comparison):
        yield tree
    elif isinstance(tree, Group):
        for part in tree.parts:
            yield from _comparisons(part)
    else:
        yield from _comparisons(tree.part)


def _contain(arguments: dict[str, Any], part: Comparison, path: Path) -> bool:
    """Add an equality to `metadata`. Returns False for other conditions, and if it contradicts an earlier one."""
    if part.operator not in ("eq", "in", "contains") or len(part.values) != 1:
        return False
    value = part.values[0]
    return _add(arguments.setdefault("metadata", {}), path.names, [value] if part.operator == "contains" else value)


def _add(metadata: dict[str, Any], names: tuple[str, ...], value: Any) -> bool:
    # Looked up before anything is added, so that a refused value leaves no empty object.
    there: Any = metadata
    for name in names:
        if not isinstance(there, dict):
            return False
        there = there.get(name, _ABSENT)
        if there is _ABSENT:
            break
    if isinstance(there, list) and isinstance(value, list):
        there += value
        return True
    if there is not _ABSENT:
        return False
    for name in names[:-1]:
        metadata = metadata.setdefault(name, {})
    metadata[names[-1]] = value
    return True


def _choose(arguments: dict[str, Any], part: Comparison) -> bool:
    """Add a condition on the file type. Returns False for other conditions."""
    if part.key != Column("file_type") or part.operator not in ("eq", "in"):
        return False
    chosen = arguments.get("file_types")
    arguments["file_types"] = [value for value in part.values if chosen is None or value in chosen]
    return True


def _limit(arguments: dict[str, Any], part: Comparison) -> bool:
    """Add a limit of `created_at`. Returns False for other conditions."""
    moment = part.values[0] if part.values else None
    if not isinstance(moment, datetime) or part.operator not in ORDERS:
        return False
    try:
        limit = moment + _A_MICROSECOND if part.operator in ("gt", "lte") else moment
    except OverflowError:
        return False
    name, choose = ("uploaded_after", max) if part.operator in ("gt", "gte") else ("uploaded_before", min)
    earlier = arguments.get(name)
    arguments[name] = limit if earlier is None else choose(earlier, limit)
    return True
