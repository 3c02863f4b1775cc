"""A plan as a tree: the output of EXPLAIN (FORMAT JSON), with names and units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# The conditions and sort keys of a node, and the unique indexes of ON CONFLICT.
_EXPRESSIONS = {
    "Index Cond", "Recheck Cond", "Order By", "TID Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter",
    "One-Time Filter", "Conflict Filter", "Conflict Arbiter Indexes",
    "Sort Key", "Presorted Key", "Group Key", "Cache Key", "Run Condition",
}  # fmt: skip
_REMOVED = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
# A UUID has 36 characters and is shown completely; a vector is shortened.
_LONGEST_LITERAL = 48
_LITERAL = re.compile(r"'(?P<text>(?:[^']|'')*)'")


@dataclass(frozen=True)
class Buffers:
    """Pages of 8 KB that a node and those below it accessed, over all loops."""

    hit: int = 0
    read: int = 0
    dirtied: int = 0
    written: int = 0
    temporary_read: int = 0
    temporary_written: int = 0


@dataclass(frozen=True)
class Node:
    """One step of a plan.

    `name` is the step as in EXPLAIN's text, such as `Index Scan Backward`. `estimated_rows`, `actual_rows`,
    `removed_rows` and `actual_ms` are those of one loop; `actual_ms` includes the nodes below. Without ANALYZE
    `actual_rows` and `actual_ms` are None; in a step that was never run `loops` is 0. `removed_rows` were read and
    rejected by a condition. `heap_fetches` are the rows for which an index-only scan had to visit the table.
    """

    name: str
    relation: str
    alias: str
    index: str
    cte: str
    role: str
    subplan: str
    expressions: Mapping[str, tuple[str, ...]]
    estimated_rows: float
    total_cost: float
    actual_rows: float | None
    actual_ms: float | None
    loops: int
    removed_rows: float
    heap_fetches: int | None
    sort_method: str
    sort_kb: int
    is_on_disk: bool
    buffers: Buffers
    children: tuple[Node, ...]

    @property
    def title(self) -> str:
        """The step and its table or index, such as `Index Scan using users_pkey on users u`."""
        using = f" using {self.index}" if self.index else ""
        on = self.relation or self.cte
        alias = f" {self.alias}" if self.alias not in ("", on) else ""
        # A bitmap index scan has an index and no table.
        return f"{self.name}{using}" + (f" on {on}{alias}" if on else "")

    @cached_property
    def rows_read(self) -> float:
        """Rows that the step processed over all loops, including those that its conditions rejected."""
        return ((self.actual_rows or 0) + self.removed_rows) * self.loops

    @cached_property
    def rows_given(self) -> float:
        """Rows that the step returned over all loops."""
        return (self.actual_rows or 0) * self.loops

    @cached_property
    def own_ms(self) -> float:
        """Milliseconds over all loops, without those of the nodes below."""
        total = (self.actual_ms or 0) * self.loops
        return max(0.0, total - sum((child.actual_ms or 0) * child.loops for child in self.children))

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order in which a plan is printed."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Trigger:
    """A statement run by a foreign key of a changed table: deletions by cascade are only here, not in the tree."""

    name: str
    relation: str
    calls: int
    time_ms: float


@dataclass(frozen=True)
class QueryPlan:
    """One plan. `is_analyzed`: the statement was run. `settings` are those of the planner that are not the default."""

    root: Node
    is_analyzed: bool
    planning_ms: float
    execution_ms: float
    settings: Mapping[str, str]
    triggers: tuple[Trigger, ...]

    def walk(self) -> Iterator[Node]:
        """Every node, in the order in which a plan is printed."""
        return self.root.walk()


def read_plan(document: list[dict[str, Any]]) -> QueryPlan:
    """The plan in the decoded output of EXPLAIN (FORMAT JSON)."""
    plan = document[0]
    triggers = (
        Trigger(
            name=trigger.get("Constraint Name") or trigger["Trigger Name"],
            relation=trigger["Relation"],
            calls=int(trigger["Calls"]),
            time_ms=float(trigger.get("Time", 0)),
        )
        for trigger in plan.get("Triggers", ())
    )
    return QueryPlan(
        root=_read_node(plan["Plan"]),
        is_analyzed="Execution Time" in plan,
        planning_ms=float(plan.get("Planning Time", 0)),
        execution_ms=float(plan.get("Execution Time", 0)),
        settings=plan.get("Settings", {}),
        triggers=tuple(triggers),
    )


def _read_node(node: Mapping[str, Any]) -> Node:
    actual_rows = node.get("Actual Rows")
    # A node of a parallel or a bitmap scan may omit either.
    return Node(
        name=_name(node),
        relation=node.get("Relation Name", ""),
        alias=node.get("Alias", ""),
        index=node.get("Index Name", ""),
        cte=node.get("CTE Name", ""),
        role=node.get("Parent Relationship", ""),
        subplan=node.get("Subplan Name", ""),
        expressions={key: _expressions(node[key]) for key in node if key in _EXPRESSIONS},
        estimated_rows=float(node["Plan Rows"]),
        total_cost=float(node["Total Cost"]),
        actual_rows=None if actual_rows is None else float(actual_rows),
        actual_ms=float(node["Actual Total Time"]) if "Actual Total Time" in node else None,
        loops=int(node.get("Actual Loops", 0)),
        removed_rows=float(sum(node.get(key, 0) for key in _REMOVED)),
        heap_fetches=node.get("Heap Fetches"),
        sort_method=node.get("Sort Method", ""),
        sort_kb=int(node.get("Sort Space Used", 0)),
        is_on_disk=_is_on_disk(node),
        buffers=Buffers(
            hit=node.get("Shared Hit Blocks", 0),
            read=node.get("Shared Read Blocks", 0),
            dirtied=node.get("Shared Dirtied Blocks", 0),
            written=node.get("Shared Written Blocks", 0),
            temporary_read=node.get("Temp Read Blocks", 0),
            temporary_written=node.get("Temp Written Blocks", 0),
        ),
        children=tuple(_read_node(child) for child in node.get("Plans", ())),
    )


def _name(node: Mapping[str, Any]) -> str:
    """The name of the node in EXPLAIN's text, of which its JSON separates the parts."""
    name = str(node["Node Type"])
    join = node.get("Join Type")
    if name == "ModifyTable":
        name = node["Operation"]
    elif name == "Aggregate":
        strategy = {"Sorted": "Group", "Hashed": "Hash", "Mixed": "Mixed "}.get(node.get("Strategy", ""), "")
        name = f"{strategy}Aggregate"
    elif name == "SetOp":
        name = f"{'Hash' if node.get('Strategy') == 'Hashed' else ''}SetOp {node['Command']}"
    if node.get("Scan Direction") == "Backward":
        name += " Backward"
    if join is not None and join != "Inner":
        name = f"{name.removesuffix(' Join')} {join} Join"
    return f"Parallel {name}" if node.get("Parallel Aware") else name


def _is_on_disk(node: Mapping[str, Any]) -> bool:
    batches = max(int(node.get("Hash Batches", 0)), int(node.get("HashAgg Batches", 0)))
    groups = [node.get("Full-sort Groups", {}), node.get("Pre-sorted Groups", {})]
    return (
        node.get("Sort Space Type") == "Disk"
        or batches > 1
        or int(node.get("Disk Usage", 0)) > 0
        or any("Disk" in group.get("Sort Methods Used", "") or "Sort Space Disk" in group for group in groups)
        or node.get("Storage") == "Disk"
    )


def _expressions(value: str | list[str]) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(shortened(text) for text in values)


def shortened(text: str) -> str:
    """An expression with its long literals shortened, since a vector would fill the screen without informing a
    reader."""

    def cut(match: re.Match[str]) -> str:
        literal = match["text"]
        return match[0] if len(literal) <= _LONGEST_LITERAL else f"'{literal[:12]}…'"

    return _LITERAL.sub(cut, text)
