"""The shape of a plan: which steps, through which indexes, by which conditions, over how many rows. Not its cost.

A shape is text, a line a step, indented as the plan is, so that two of them differ as files do:

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
# They repeat another condition, or describe how a step works and not its result.
_UNTOLD = ("Recheck Cond", "Cache Key", "Group Key", "Presorted Key")
# A number after a name is part of it: InitPlan 1.
_QUOTED_OR_NUMBER = re.compile(r"'(?:[^']|'')*'|(?<![\w$.])(?<!Plan )\d+(?:\.\d+)?(?![\w.])")
# Levels of an HNSW index are drawn by chance: how many rows a filtered scan of it meets differs from build to build.
_APPROXIMATE_SLACK = 1.5
_RETURNS = re.compile(r" \(returns [^)]*\)")
_WRITES = {"Insert", "Update", "Delete", "Merge", "LockRows"}


def shape(plan: QueryPlan, body: str) -> str:
    """The shape of an analyzed plan of a statement; `body` is its text, whose own literals stay as they are.

    Other literals come from the values of this run and tell nothing of the statement: an ellipsis stands for each.
    """
    # A statement that writes leaves pages behind that an index-only scan has to look up, also when it is undone.
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
    # It also counts dead rows, which the rolled back statements have left.
    if node.name.startswith("Bitmap") and node.name != "Bitmap Heap Scan" and not is_reading:
        return ""
    rows = math.ceil(node.actual_rows or 0) + math.ceil(node.removed_rows)
    bounds = f"rows <= {rows}"
    # OFFSET reads the rows that it skips, which the plan shows nowhere else.
    if node.name == "Limit":
        skipped = sum(child.rows_given for child in node.children if child.role == "Outer") - node.rows_given
        bounds += f", skipped <= {math.ceil(skipped)}" if skipped > 0 else ""
    if node.loops > 1:
        bounds += f", loops <= {node.loops}"
    if node.heap_fetches is not None and is_reading:
        bounds += f", heap fetches <= {node.heap_fetches}"
    return bounds


def _own_index(name: str) -> str:
    """The index of a large tenant of their own bears their id."""
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
    """Where a plan is not as recorded, as a diff; empty where it is, or where it takes fewer rows in hand."""
    before, after = recorded.strip("\n").splitlines(), seen.strip("\n").splitlines()
    heads = ([_BOUND.sub("", line) for line in before], [_BOUND.sub("", line) for line in after])
    # Lines of the same step: where this run keeps within the bounds, it is told as recorded, and is no difference.
    for block in difflib.SequenceMatcher(None, *heads, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            if _keeps_within(before[block.a + offset], after[block.b + offset]):
                after[block.b + offset] = before[block.a + offset]
    lines = difflib.unified_diff(before, after, "recorded", "now", lineterm="", n=len(before))
    # The third line counts lines, which helps nobody where all of them are shown.
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _keeps_within(recorded: str, seen: str) -> bool:
    most, now = _numbers(recorded), _numbers(seen)
    slack = _APPROXIMATE_SLACK if "_hnsw_" in recorded else 1
    return most.keys() == now.keys() and all(now[what] <= slack * most[what] for what in now)


def _numbers(line: str) -> dict[str, int]:
    bound = _BOUND.search(line)
    found = _NUMBER.finditer(bound["bounds"]) if bound else ()
    numbers = {number["what"].strip(): int(number["number"]) for number in found}
    # A step that runs once may run never, and one that runs several times once.
    return {"loops": 1, **numbers} if numbers else numbers
