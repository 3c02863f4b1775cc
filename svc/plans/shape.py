"""The shape of a plan: its steps, indexes, conditions and numbers of rows, without its cost.

A shape is text with one line for each step, indented like the plan, so that two shapes can be compared like files:

    Limit  (rows <= 21)
      Index Scan Backward using documents_pkey on documents  (rows <= 21)
        Index Cond: ((user_id = $1) AND (id < $2))

`rows` is the number of rows that one run of the step processed, including those that its conditions removed; a step
that runs several times also has `loops`. In a recorded plan, these numbers are the maximum.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator

from svc.plans.tree import Node, QueryPlan

_BOUND = re.compile(r"  \((?P<bounds>[^()]*)\)$")
_NUMBER = re.compile(r"(?P<what>[a-z ]+) <= (?P<number>\d+)")
# These repeat another condition, or describe the working of a step instead of its result.
_UNTOLD = ("Recheck Cond", "Cache Key", "Group Key", "Presorted Key")
# A number after a name is part of it: InitPlan 1.
_QUOTED_OR_NUMBER = re.compile(r"'(?:[^']|'')*'|(?<![\w$.])(?<!Plan )\d+(?:\.\d+)?(?![\w.])")
# Levels of an HNSW index are random, so the number of rows in a filtered scan differs between builds.
_APPROXIMATE_SLACK = 1.5
_RETURNS = re.compile(r" \(returns [^)]*\)")
_WRITES = {"Insert", "Update", "Delete", "Merge", "LockRows"}


def shape(plan: QueryPlan, body: str) -> str:
    """The shape of an analyzed plan of a statement; `body` is its text, whose own literals are kept.

    Other literals come from the values of this run, not from the statement, so each is replaced by an ellipsis.
    """
    # A writing statement leaves pages that an index-only scan must visit, even if it is rolled back.
    is_reading = not any(node.name in _WRITES for node in plan.walk())
    lines = list(_lines(plan.root, body, "", is_reading=is_reading))
    # Deletions by cascade: the plan does not show the statements of the foreign keys, only that they ran.
    lines += [f"Trigger {one.name} on {one.relation}  (calls <= {one.calls})" for one in plan.triggers]
    return "\n".join(lines)


def _lines(node: Node, body: str, indent: str, *, is_reading: bool) -> Iterator[str]:
    subplan = f"{_RETURNS.sub('', node.subplan)}: " if node.subplan else ""
    on = f" on {node.relation or node.cte}" if node.relation or node.cte else ""
    using = f" using {_own_index(node.index)}" if node.index else ""
    bounds = _bounds(node, is_reading)
    yield f"{indent}{subplan}{node.name}{using}{on}" + (f"  ({bounds})" if bounds else "")
    for key, values in node.expressions.items():
        if key not in _UNTOLD:
            yield f"{indent}    {key}: {', '.join(_without_values(value, body) for value in values)}"
    for child in node.children:
        yield from _lines(child, body, indent + "  ", is_reading=is_reading)


def _bounds(node: Node, is_reading: bool) -> str:
    if not node.loops:
        return "never run"
    # It also counts dead rows of rolled back statements.
    if node.name.startswith("Bitmap") and node.name != "Bitmap Heap Scan" and not is_reading:
        return ""
    rows = math.ceil(node.actual_rows or 0) + math.ceil(node.removed_rows)
    bounds = f"rows <= {rows}"
    # OFFSET reads the rows that it skips, which the plan does not show elsewhere.
    if node.name == "Limit":
        skipped = sum(child.rows_given for child in node.children if child.role == "Outer") - node.rows_given
        bounds += f", skipped <= {math.ceil(skipped)}" if skipped > 0 else ""
    if node.loops > 1:
        bounds += f", loops <= {node.loops}"
    if node.heap_fetches is not None and is_reading:
        bounds += f", heap fetches <= {node.heap_fetches}"
    return bounds


def _own_index(name: str) -> str:
    """The name of a large tenant's own index contains the tenant's id."""
    return re.sub(r"_[0-9a-f]{32}$", "_…", name)


def _without_values(expression: str, body: str) -> str:
    return _QUOTED_OR_NUMBER.sub(lambda one: one[0] if _stands_in(body, one[0]) else "…", expression)


def _stands_in(body: str, literal: str) -> bool:
    # The server shows a number of the text as '0'::double precision.
    number = literal.strip("'")
    if number.replace(".", "", 1).isdigit():
        return re.search(rf"(?<![\w$.]){re.escape(number)}(?![\w.])", body) is not None
    return literal in body


def difference(recorded: str, seen: str) -> str:
    """The differences of a plan from the recorded one, as a diff; empty if it is equal or processes fewer rows."""
    before, after = recorded.strip("\n").splitlines(), seen.strip("\n").splitlines()
    heads = ([_BOUND.sub("", line) for line in before], [_BOUND.sub("", line) for line in after])
    # Lines of the same step: numbers within the recorded bounds are replaced by the bounds, and so do not differ.
    for block in difflib.SequenceMatcher(None, *heads, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            if _keeps_within(before[block.a + offset], after[block.b + offset]):
                after[block.b + offset] = before[block.a + offset]
    lines = difflib.unified_diff(before, after, "recorded", "now", lineterm="", n=len(before))
    # The third line contains line numbers, which are useless if all lines are shown.
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _keeps_within(recorded: str, seen: str) -> bool:
    most, now = _numbers(recorded), _numbers(seen)
    slack = _APPROXIMATE_SLACK if "_hnsw_" in recorded else 1
    return most.keys() == now.keys() and all(now[what] <= slack * most[what] for what in now)


def _numbers(line: str) -> dict[str, int]:
    bound = _BOUND.search(line)
    found = _NUMBER.finditer(bound["bounds"]) if bound else ()
    numbers = {number["what"].strip(): int(number["number"]) for number in found}
    # A recorded step that runs once may not run at all, and a repeated step may run once.
    return {"loops": 1, **numbers} if numbers else numbers
