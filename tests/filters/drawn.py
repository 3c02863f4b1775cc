"""Random filters and metadata, and the evaluation of a filter in plain Python."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
_ABSENT = object()
_FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)

NAMES = ["a", "b", "a.b", "$x", "é", 'q"\\', "filename", "status", "tags", ""]
TEXTS = [
    "", "x", "xy", "X", "é", "😀", "\uffff", '"', "\\", "10", "2", "null", "true", "2024", "2024-01-31", "2024-02-30",
    "2024-01-31T00:00:00Z",
    "2024-01-31T01:00:00+01:00", "2024-01-31T00:00:00.000001Z", "2024-01-31 00:00:00", "2024-01-30T23:00:00-05:30",
    "2024-01-31T00:00:00", "2024-13-01", "2024-01-31T25:00:00Z", "1999-12-31T23:59:59.999999+00:00", "9999-12-31",
]  # fmt: skip
NUMBERS: list[int | float] = [0, 1, -1, 2, 10, 2024, 1.0, 0.5, -0.5, 1e18, 2**53 + 1, -(2**62), 1e-7]
_ORDERS = st.sampled_from(["gt", "gte", "lt", "lte"])
SCALARS: list[Any] = [*TEXTS, *NUMBERS, True, False, None]


@dataclass(frozen=True)
class Item:
    """A stored document or message: its metadata and its own fields."""

    metadata: Json
    fields: Json


def document_fields(chance: random.Random) -> Json:
    """The own fields of a document."""
    return {
        "filename": chance.choice([text for text in TEXTS if text]),
        "file_type": chance.choice(["text", "pdf", "csv"]),
        "file_size": chance.choice([0, 1, 10, 2024]),
        "status": chance.choice(["processing", "ready", "error"]),
        "created_at": _moment_of(chance),
    }


def message_fields(chance: random.Random) -> Json:
    """The own fields of a message. A name that is null is a field without a value."""
    name = chance.choice([None, *(text for text in TEXTS if text)])
    return {
        "role": chance.choice(["user", "assistant", "system"]),
        "name": _ABSENT if name is None else name,
        "token_count": chance.choice([0, 1, 10, 2024]),
        "created_at": _moment_of(chance),
    }


def _moment_of(chance: random.Random) -> datetime:
    return _FIRST_DAY + timedelta(days=chance.randint(0, 4), microseconds=chance.choice([0, 1]))


def drawn_items(count: int, seed: int, fields: Callable[[random.Random], Json] = document_fields) -> list[Item]:
    """Items whose metadata lack members, and contain nulls, lists, objects and values of every type."""
    chance = random.Random(seed)

    def value(depth: int) -> Any:
        kind = chance.random()
        if depth < 3 and kind < 0.2:
            return {name: value(depth + 1) for name in chance.sample(NAMES, chance.randint(0, 4))}
        if depth < 3 and kind < 0.4:
            return [value(depth + 1) for _ in range(chance.randint(0, 3))]
        return chance.choice(SCALARS)

    return [
        Item(
            {name: value(1) for name in chance.sample(NAMES, chance.randint(0, 6))},
            fields(chance),
        )
        for _ in range(count)
    ]


def passes(filter_: Json, item: Item) -> bool:
    """Whether an item matches a filter."""
    kind = filter_["type"]
    if kind == "and":
        return all(passes(part, item) for part in filter_["filters"])
    if kind == "or":
        return any(passes(part, item) for part in filter_["filters"])
    if kind == "not":
        return not passes(filter_["filter"], item)
    if kind in ("ne", "nin"):
        return not _compares({"ne": "eq", "nin": "in"}[kind], filter_, item)
    return _compares(kind, filter_, item)


def _compares(kind: str, filter_: Json, item: Item) -> bool:
    key, wanted = filter_["key"], filter_.get("value", True)
    if isinstance(key, str) and key in item.fields:
        there = item.fields[key]
        if key == "created_at":
            wanted = [_moment(one) for one in wanted] if isinstance(wanted, list) else _moment(wanted)
    else:
        there = item.metadata
        for name in key if isinstance(key, list) else key.split("."):
            there = there.get(name, _ABSENT) if isinstance(there, dict) else _ABSENT
    if kind == "exists":
        return bool((there is not _ABSENT) == filter_.get("value", True))
    if there is _ABSENT:
        return False
    if kind == "in":
        return any(_equals(there, one) for one in wanted)
    if kind == "contains":
        return isinstance(there, list) and any(_equals(one, wanted) for one in there)
    if kind == "prefix":
        return isinstance(there, str) and there.startswith(wanted)
    return _equals(there, wanted) if kind == "eq" else _is_ordered(kind, there, wanted)


def _equals(one: Any, other: Any) -> bool:
    return _kind(one) == _kind(other) != "other" and one == other


def _is_ordered(kind: str, there: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and _moment(wanted) is not None:
        there, wanted = _moment(there) if isinstance(there, str) else None, _moment(wanted)
    if there is None or _kind(there) != _kind(wanted):
        return False
    return bool({"gt": there > wanted, "gte": there >= wanted, "lt": there < wanted, "lte": there <= wanted}[kind])


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {str: "text", datetime: "moment", type(None): "null"}.get(type(value), "other")


def _moment(text: str) -> datetime | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?)?", text, re.ASCII):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def draw_filters(own: list[st.SearchStrategy[Json]] | None = None) -> st.SearchStrategy[Json]:
    """Trees of comparisons of metadata and of the `own` fields, by default those of a document."""
    return st.recursive(_draw_comparisons(own or document_comparisons()), _draw_groups, max_leaves=6)


def _draw_groups(parts: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    groups = st.fixed_dictionaries(
        {"type": st.sampled_from(["and", "and", "or"]), "filters": st.lists(parts, min_size=1, max_size=4)}
    )
    keys = st.sampled_from(["a", "b"])
    ends = st.lists(
        st.tuples(st.sampled_from(["gt", "gte", "lt", "lte"]), st.sampled_from(NUMBERS)), min_size=2, max_size=3
    )
    ranges = st.builds(
        lambda key, pairs: {
            "type": "and",
            "filters": [{"type": kind, "key": key, "value": end} for kind, end in pairs],
        },
        keys,
        ends,
    )
    return groups | ranges | st.fixed_dictionaries({"type": st.just("not"), "filter": parts})


def document_comparisons() -> list[st.SearchStrategy[Json]]:
    """Comparisons of the own fields of documents."""
    return [
        _comparison(_ORDERS | st.just("eq"), st.just("file_size"), st.sampled_from([0, 1, 1.5, 2024])),
        _comparison(
            st.sampled_from(["eq", "ne", "prefix", "gt", "lte"]),
            st.just("filename"),
            st.sampled_from(["", "x", "é", "2"]),
        ),
        _comparison(st.sampled_from(["eq", "ne"]), st.just("status"), st.sampled_from(["ready", "error"])),
        _comparison(st.sampled_from(["in", "nin"]), st.just("file_type"), st.lists(st.sampled_from(["text", "csv"]))),
        _comparison(_ORDERS | st.sampled_from(["eq", "ne"]), st.just("created_at"), st.sampled_from(MOMENTS)),
    ]


def message_comparisons() -> list[st.SearchStrategy[Json]]:
    """Comparisons of the own fields of messages."""
    return [
        _comparison(_ORDERS | st.just("eq"), st.just("token_count"), st.sampled_from([0, 1, 1.5, 2024])),
        _comparison(
            st.sampled_from(["eq", "ne", "prefix", "gt", "lte"]), st.just("name"), st.sampled_from(["", "x", "é", "2"])
        ),
        _comparison(st.just("exists"), st.just("name"), st.booleans()),
        _comparison(st.sampled_from(["eq", "ne"]), st.just("role"), st.sampled_from(["user", "system"])),
        _comparison(st.sampled_from(["in", "nin"]), st.just("role"), st.lists(st.sampled_from(["user", "assistant"]))),
        _comparison(_ORDERS | st.sampled_from(["eq", "ne"]), st.just("created_at"), st.sampled_from(MOMENTS)),
    ]


def _draw_comparisons(own: list[st.SearchStrategy[Json]]) -> st.SearchStrategy[Json]:
    plain = st.sampled_from(["a", "b", "a.b", "é", "tags", "a.tags", "tags.a", "b.a.b"])
    lists = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
    keys = plain | plain | plain | lists
    scalars = st.sampled_from(SCALARS)
    dates = st.sampled_from([text for text in TEXTS if _moment(text) is not None])
    return st.one_of(
        _comparison(st.sampled_from(["eq", "ne", "contains"]), keys, scalars),
        _comparison(_ORDERS, keys, st.sampled_from([*TEXTS, *NUMBERS])),
        _comparison(_ORDERS, plain, dates),
        _comparison(st.sampled_from(["in", "nin"]), keys, st.lists(scalars, max_size=4)),
        _comparison(st.just("exists"), keys, st.booleans()),
        _comparison(st.just("prefix"), keys, st.sampled_from(TEXTS)),
        *own,
    )


MOMENTS = [
    "2025-01-01", "2025-01-02T00:00:00Z", "2025-01-02T00:00:00.000001Z", "2025-01-03T02:00:00+02:00", "2026-01-01",
    "0001-01-01", "9999-12-31T23:59:59.999999Z",
]  # fmt: skip


def _comparison(kinds: st.SearchStrategy[str], keys: st.SearchStrategy[Any], values: Any) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"type": kinds, "key": keys, "value": values})
