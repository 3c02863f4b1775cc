"""Draws a plan as a tree with its problems marked, for a terminal or as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from svc.plans.findings import Diagnosis, find
from svc.plans.tree import Node, QueryPlan
from svc.printable import printable

_WIDTH = 10_000


def drawn(plan: QueryPlan) -> Tree:
    """The plan as a tree for `rich`."""
    return _drawn(plan.root, find(plan))


def plain(plan: QueryPlan) -> str:
    """The plan as lines of text without colours, with one step or detail on each line."""
    console = Console(file=StringIO(), width=_WIDTH, color_system=None)
    console.print(drawn(plan), end="")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())


def _drawn(node: Node, findings: Sequence[Diagnosis]) -> Tree:
    own = [finding for finding in findings if finding.node is node]
    tree = Tree(_label(node, own), guide_style="dim")
    for child in node.children:
        tree.children.append(_drawn(child, findings))
    return tree


def _label(node: Node, own: Sequence[Diagnosis]) -> Text:
    text = Text()
    if node.subplan:
        text.append(f"{printable(node.subplan)}: ", "italic")
    text.append(printable(node.title), "bold red" if own else "bold")
    text.append(f"  {figures(node)}", "dim" if node.actual_rows is not None and not node.loops else "")
    for key, values in node.expressions.items():
        text.append(f"\n{key}: {printable(', '.join(values))}", "cyan")
    for finding in own:
        text.append(f"\n! {finding.kind}: {printable(finding.problem)}", "bold red")
    return text


def figures(node: Node) -> str:
    """The known figures of a step: rows, expected rows, loops, milliseconds and pages."""
    if node.actual_rows is None:
        return f"expects {node.estimated_rows:,.0f} rows, cost {node.total_cost:,.2f}"
    if not node.loops:
        return "never run"
    parts = [f"{_number(node.actual_rows)} rows (expected {node.estimated_rows:,.0f})"]
    if node.loops > 1:
        parts[0] += f" x {node.loops:,} loops"
    if node.removed_rows:
        parts.append(f"{_number(node.removed_rows)} removed")
    parts.append(f"{(node.actual_ms or 0) * node.loops:,.2f} ms")
    pages = [f"{node.buffers.hit + node.buffers.read:,} pages"]
    if node.buffers.read:
        pages.append(f"({node.buffers.read:,} read)")
    parts.append(" ".join(pages))
    if node.heap_fetches is not None:
        parts.append(f"{node.heap_fetches:,} heap fetches")
    if node.sort_method:
        parts.append(f"{node.sort_method} in {node.sort_kb:,} kB")
    return ", ".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
