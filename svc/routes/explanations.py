"""The explanation of a search: the statement, its plan as a tree, and the time of each part."""

from __future__ import annotations

from msgspec import Struct

from svc.plans.findings import find
from svc.plans.tree import Node, QueryPlan


class PlanStep(Struct, frozen=True):
    """One step of a plan, with the steps that supply its rows.

    `rows`, `expected_rows`, `removed_rows` and `ms` are averages for one of the `loops`. `ms` includes the steps below;
    `own_ms` excludes them and covers all loops. `pages_hit` are pages found in shared buffers, `pages_read` the others.
    """

    step: str
    conditions: dict[str, list[str]]
    expected_rows: float
    rows: float
    loops: int
    ms: float
    own_ms: float
    removed_rows: float
    heap_fetches: int | None
    pages_hit: int
    pages_read: int
    steps: list[PlanStep]


class PlanFinding(Struct, frozen=True):
    """A problem of a step of the plan, and how to fix it."""

    step: str
    kind: str
    what: str
    advice: str


class Explanation(Struct, frozen=True):
    """The statement that found the results, its plan, and the time of each part in milliseconds.

    `embedding_ms` is the time to embed the query or to read its vector from the cache. `search_ms` is the time of the
    search, including the wait for a connection. The plan comes from a second run of the same statement with the same
    values, which was rolled back; `planning_ms` and `execution_ms` are the server's times for that run.
    """

    statement: str
    embedding_ms: float
    search_ms: float
    planning_ms: float
    execution_ms: float
    plan: PlanStep
    findings: list[PlanFinding]


def explanation(statement: str, plan: QueryPlan, *, embedding_s: float, search_s: float) -> Explanation:
    """Build the explanation of a search that ran `statement`. The durations are in seconds."""
    return Explanation(
        statement=statement,
        embedding_ms=_milliseconds(embedding_s),
        search_ms=_milliseconds(search_s),
        planning_ms=plan.planning_ms,
        execution_ms=plan.execution_ms,
        plan=_step(plan.root),
        findings=[PlanFinding(one.node.title, one.kind, one.problem, one.advice) for one in find(plan)],
    )


def _step(node: Node) -> PlanStep:
    return PlanStep(
        step=f"{node.subplan}: {node.title}" if node.subplan else node.title,
        conditions={name: list(values) for name, values in node.expressions.items()},
        expected_rows=node.estimated_rows,
        rows=node.actual_rows or 0,
        loops=node.loops,
        ms=node.actual_ms or 0,
        own_ms=round(node.own_ms, 3),
        removed_rows=node.removed_rows,
        heap_fetches=node.heap_fetches,
        pages_hit=node.buffers.hit,
        pages_read=node.buffers.read,
        steps=[_step(child) for child in node.children],
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
