"""Translates a filter into a jsonpath predicate, which is bound as a parameter: no SQL text is generated.

The predicate is strict, so that a list is not unwrapped and a missing member is an error. An error, or a comparison of
different types, makes a comparison unknown, which counts as false, even below `and` and `or`. A negation is therefore
moved down to the comparisons, where unknown counts as not passing: see `_negative`.

In a predicate, `$` is the metadata, and the fields of the item are variables such as `$filename`. A timestamp there is
a number of microseconds since 1970.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from svc.filters.columns import DATE, TIME, moment_of
from svc.filters.tree import NEGATED, ORDERS, Column, Comparison, Group, Negation, Operator, Path, Tree, Value

_SIGNS: dict[Operator, str] = {"eq": "==", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = f"[T ]{TIME}([.][0-9]{{1,6}})?"
_WITHOUT_OFFSET = f"^{DATE}({_TIME})?$"
_WITH_OFFSET = f"^{DATE}{_TIME}[+-][0-9]{{2}}:[0-9]{{2}}$"
_IN_UTC = f"^{DATE}{_TIME}Z$"
_TEMPLATES = [f'yyyy-mm-dd{between}hh24:mi:ss{part}"Z"' for between in ('"T"', " ") for part in ("", ".us")]
_OTHER = {"and": "or", "or": "and"}
_JOINED = {"and": " && ", "or": " || "}


def predicate(tree: Tree) -> str:
    """Return the jsonpath of a filter."""
    return f"strict {_condition(tree, is_negated=False)}"


def _condition(tree: Tree, *, is_negated: bool) -> str:
    if isinstance(tree, Negation):
        return _condition(tree.part, is_negated=not is_negated)
    if isinstance(tree, Group):
        kind = _OTHER[tree.kind] if is_negated else tree.kind
        limits, parts = _limits(tree) if tree.kind == "and" and not is_negated else ([], tree.parts)
        return f"({_JOINED[kind].join([*limits, *(_condition(part, is_negated=is_negated) for part in parts)])})"
    operator = tree.operator
    if operator in NEGATED:
        operator, is_negated = NEGATED[operator], not is_negated
    if operator == "exists":
        is_negated ^= tree.values != (True,)
    positive = _positive(operator, tree)
    return _negative(positive) if is_negated else positive


def _limits(tree: Group) -> tuple[list[str], list[Tree]]:
    """Return one condition for each key with several limits, such as the ends of a range, and the other parts.

    A path leads to at most one value, so one lookup suffices for all limits.
    """
    by_key: dict[Path | Column, list[Comparison]] = {}
    for part in tree.parts:
        if isinstance(part, Comparison) and part.operator in ORDERS:
            by_key.setdefault(part.key, []).append(part)
    limits = {key: each for key, each in by_key.items() if len(each) > 1}
    found = [
        f"exists({_place(key)} ? ({' && '.join(f'({_test(one.operator, key, one.values[0])})' for one in each)}))"
        for key, each in limits.items()
    ]
    return found, [
        part for part in tree.parts if not (isinstance(part, Comparison) and part in limits.get(part.key, ()))
    ]


def _negative(positive: str) -> str:
    return f"(!{positive} || ({positive}) is unknown)"


def _positive(operator: Operator, comparison: Comparison) -> str:
    """Return a comparison as `exists(…)`, which is true if there is a value that passes."""
    place = _place(comparison.key)
    if operator == "exists":
        # The variable of a field that is null is null, whereas a null in the metadata is a value.
        return f"exists({place} ? (@ != null))" if isinstance(comparison.key, Column) else f"exists({place})"
    if operator == "contains":
        place = f"{place}[*]"
    # An empty list contains no value, not even null, and no shorter text is always false.
    tests = [_test(operator, comparison.key, value) for value in comparison.values] or ["(@ == 1 && @ == 2)"]
    return f"exists({place} ? ({' || '.join(tests)}))"


def _test(operator: Operator, key: Path | Column, value: Value) -> str:
    if operator == "prefix":
        return f"@ starts with {_literal(value)}"
    if operator in ORDERS and isinstance(key, Path) and isinstance(value, str):
        moment = moment_of(value)
        if moment is not None:
            return _is_ordered(_SIGNS[operator], moment)
    return f"@ {_SIGNS.get(operator, '==')} {_literal(value)}"


def _is_ordered(sign: str, moment: datetime) -> str:
    """Return a test of a text that is a date or a timestamp.

    A text is compared only with a timestamp of its kind, since another would need the time zone of the session, which
    is an error. PostgreSQL 16 does not read `Z` without a template.
    """
    text = moment.replace(tzinfo=None).isoformat(timespec="microseconds")
    without, with_offset = f"{sign} {_literal(text)}.datetime()", f"{sign} {_literal(f'{text}+00:00')}.datetime()"
    in_utc = " || ".join(f"@.datetime({_literal(template)}) {without}" for template in _TEMPLATES)
    return (
        f"(@ like_regex {_literal(_WITHOUT_OFFSET)} && @.datetime() {without})"
        f" || (@ like_regex {_literal(_WITH_OFFSET)} && @.datetime() {with_offset})"
        f" || (@ like_regex {_literal(_IN_UTC)} && ({in_utc}))"
    )


def _place(key: Path | Column) -> str:
    if isinstance(key, Column):
        return f"${key.name}"
    return "$" + "".join(f".{_literal(name)}" for name in key.names)


def _literal(value: Value) -> str:
    """Return a value as a literal: JSON literals mean the same in a jsonpath."""
    if isinstance(value, datetime):
        value = (value - _EPOCH) // timedelta(microseconds=1)
    return msgspec.json.encode(value).decode()
