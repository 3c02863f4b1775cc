"""Finds the problems of a plan, step by step, with advice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from svc.plans.tree import Node, QueryPlan

Kind = Literal[
    "sequential scan", "misestimate", "on disk", "heap fetches", "too few rows", "rows removed", "slow"
]  # fmt: skip

LARGE_TABLE_ROWS = 5_000
"""Sequential scans of fewer rows are not reported: they take about a millisecond, with an index or without."""
_MISESTIMATE_FACTOR = 10
# With fewer rows, a wrong estimate does not cause a wrong plan.
_MISESTIMATE_MIN_ROWS = 100
_REMOVED_FACTOR = 10
_REMOVED_MIN_ROWS = 1_000
_HEAP_FETCHES_MIN = 100
_HEAP_FETCHES_SHARE = 0.1
_SLOW_SHARE = 0.5
_SLOW_MS = 10.0
# These read all rows of the steps below before they return a row, so a LIMIT above does not stop the steps below.
_READS_ALL = ("Sort", "Aggregate", "HashAggregate", "GroupAggregate", "Hash", "WindowAgg", "Materialize")


@dataclass(frozen=True)
class Diagnosis:
    """One problem of one step: `problem` describes it with figures, `advice` how to fix it."""

    node: Node
    kind: Kind
    problem: str
    advice: str


def find(plan: QueryPlan) -> list[Diagnosis]:
    """The problems of a plan, in the order of its steps; none if the plan was not run."""
    if not plan.is_analyzed:
        return []
    return list(_below(plan.root, plan, is_cut_short=False, asked=None))


def _below(node: Node, plan: QueryPlan, *, is_cut_short: bool, asked: float | None) -> Iterator[Diagnosis]:
    """The findings of a node and of those below. `is_cut_short`: a step above stops it when it has enough rows;
    `asked`: the number of rows of the LIMIT just above."""
    if node.loops:
        yield from _sequential_scan(node)
        yield from _misestimate(node, is_cut_short)
        yield from _on_disk(node)
        yield from _heap_fetches(node)
        yield from _too_few_rows(node, asked)
        yield from _rows_removed(node)
        yield from _slow(node, plan)
    stops = is_cut_short and node.name not in _READS_ALL
    for child in node.children:
        is_stopped = stops or _is_full(node) or "Semi" in node.name or "Anti" in node.name
        # A subplan runs to its end, unless it has its own LIMIT.
        is_stopped = is_stopped and child.role not in ("InitPlan", "SubPlan")
        yield from _below(
            child, plan, is_cut_short=is_stopped, asked=node.estimated_rows if node.name == "Limit" else None
        )


def _is_full(node: Node) -> bool:
    """Whether this is a LIMIT that reached its number of rows; otherwise the steps below ran to their end."""
    return node.name == "Limit" and (node.actual_rows or 0) >= node.estimated_rows


def _sequential_scan(node: Node) -> Iterator[Diagnosis]:
    if node.name.removeprefix("Parallel ") == "Seq Scan" and node.rows_read >= LARGE_TABLE_ROWS:
        yield Diagnosis(
            node,
            "sequential scan",
            f"reads all of {node.relation}, {_count(node.rows_read, 'row')}",
            "add an index for the condition, or change the condition so that one can be used: a bare column on one "
            "side, no function or cast around it",
        )


def _misestimate(node: Node, is_cut_short: bool) -> Iterator[Diagnosis]:
    actual, estimated = max(1.0, node.actual_rows or 0), max(1.0, node.estimated_rows)
    # A stopped node returns fewer rows than it has.
    if max(actual, estimated) < _MISESTIMATE_MIN_ROWS or (estimated > actual and is_cut_short):
        return
    factor = max(actual, estimated) / min(actual, estimated)
    if factor >= _MISESTIMATE_FACTOR:
        yield Diagnosis(
            node,
            "misestimate",
            f"{_count(node.actual_rows or 0, 'row')} instead of {node.estimated_rows:,.0f}, {factor:,.0f}x off",
            "run ANALYZE on the table; where columns depend on each other, create statistics; a generic plan knows no "
            "values and expects an average",
        )


def _on_disk(node: Node) -> Iterator[Diagnosis]:
    if node.is_on_disk:
        size = f", {node.sort_kb:,} kB" if node.sort_kb else ""
        yield Diagnosis(
            node,
            "on disk",
            f"does not fit into work_mem and goes to disk{size}",
            "give it fewer rows (an index in the order asked for, a condition that comes earlier), or raise work_mem",
        )


def _heap_fetches(node: Node) -> Iterator[Diagnosis]:
    fetches = node.heap_fetches or 0
    if fetches >= _HEAP_FETCHES_MIN and fetches >= _HEAP_FETCHES_SHARE * node.rows_read:
        yield Diagnosis(
            node,
            "heap fetches",
            f"reads the index, and for {_count(fetches, 'row')} the table too",
            f"VACUUM {node.relation}: the visibility map does not know these pages; if it comes back soon, vacuum more "
            "often (autovacuum_vacuum_insert_scale_factor)",
        )


def _too_few_rows(node: Node, asked: float | None) -> Iterator[Diagnosis]:
    if asked is None or not _is_approximate(node):
        return
    given = node.actual_rows or 0
    if given < asked:
        yield Diagnosis(
            node,
            "too few rows",
            f"the approximate index gave {_count(given, 'row')} where {asked:,.0f} were asked for",
            "hnsw.iterative_scan must be on, and hnsw.max_scan_tuples large enough for what the filter leaves; else "
            "the tenant or the filter has no more rows",
        )


def _is_approximate(node: Node) -> bool:
    # An ordering operator in an index scan: only HNSW and IVFFlat indexes have one here.
    return bool(node.index) and "Order By" in node.expressions


def _rows_removed(node: Node) -> Iterator[Diagnosis]:
    removed, kept = node.removed_rows * node.loops, node.rows_given
    if removed >= _REMOVED_MIN_ROWS and removed >= _REMOVED_FACTOR * max(kept, 1):
        yield Diagnosis(
            node,
            "rows removed",
            f"throws away {_count(removed, 'row')} and keeps {kept:,.0f}",
            "an index on the columns of the filter finds those that are kept alone",
        )


def _slow(node: Node, plan: QueryPlan) -> Iterator[Diagnosis]:
    if node.own_ms >= _SLOW_MS and node.own_ms >= _SLOW_SHARE * plan.execution_ms:
        yield Diagnosis(
            node,
            "slow",
            f"takes {node.own_ms:,.1f} ms of {plan.execution_ms:,.1f}",
            "most of the time is spent here: fewer rows or fewer loops make the statement faster, nothing else does",
        )


def _count(number: float, what: str) -> str:
    return f"{number:,.0f} {what}{'' if round(number) == 1 else 's'}"
