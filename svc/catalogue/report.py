"""The catalogue as one self-contained HTML page, which needs no network and no other file.

The template escapes all values. Only highlighted SQL is inserted as HTML; the library that creates it also escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import jinja2
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PostgresLexer

from svc.catalogue.diagram import draw
from svc.catalogue.entries import Entry
from svc.catalogue.schema import Table
from svc.catalogue.statement_plans import StatementPlan
from svc.plans.drawing import figures
from svc.plans.findings import Diagnosis, find
from svc.plans.tree import Node, QueryPlan

_TEMPLATE = "report.html.jinja"


@dataclass(frozen=True)
class Report:
    """The contents of the page. `plans` by the names of the statements; `database` and `server` for its heading."""

    entries: Sequence[Entry]
    tables: Sequence[Table]
    plans: Mapping[str, StatementPlan]
    database: str
    server: str
    counted_by: str
    made_at: datetime


def render(report: Report) -> str:
    """The page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sql"] = _highlighted
    environment.filters["prose"] = _prose
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["size"] = _size
    environment.filters["count"] = _count
    environment.filters["rows"] = _rows
    environment.globals["figures"] = figures
    environment.globals["share"] = _share
    findings = {name: find(one.plan) if one.plan is not None else [] for name, one in report.plans.items()}
    return environment.get_template(_TEMPLATE).render(
        report=report,
        findings=findings,
        findings_of=_findings_of,
        diagram=draw(report.tables),
        table_names={table.name for table in report.tables},
        index_names={index.name for table in report.tables for index in table.indexes},
        total_ms=sum(entry.timing.total_ms for entry in report.entries if entry.timing is not None),
        calls=sum(entry.timing.calls for entry in report.entries if entry.timing is not None),
    )


def _highlighted(text: str) -> Markup:
    # The formatter escapes the text; it adds only spans with classes.
    return Markup(highlight(text, PostgresLexer(stripall=True), HtmlFormatter(nowrap=True)))  # noqa: S704


def _prose(text: str) -> Markup:
    """The text of a header, with code for the parts between backquotes."""
    pieces = text.split("`")
    marked = [Markup("<code>{}</code>").format(piece) if i % 2 else escape(piece) for i, piece in enumerate(pieces)]
    return Markup("").join(marked)


def _findings_of(node: Node, findings: Sequence[Diagnosis]) -> list[Diagnosis]:
    return [finding for finding in findings if finding.node is node]


def _share(node: Node, plan: QueryPlan) -> float:
    """The step's own share of a plan's time, 0 to 100."""
    return min(100.0, 100 * node.own_ms / plan.execution_ms) if plan.execution_ms else 0.0


def _size(size: int) -> str:
    for unit, power in (("GB", 3), ("MB", 2), ("kB", 1)):
        if size >= 1024**power:
            return f"{size / 1024**power:,.1f} {unit}"
    return f"{size} B"


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _rows(estimate: float | None) -> str:
    """The rows of a table; an estimate of 0 would be taken for an empty table."""
    if estimate is None:
        return "not analyzed yet"
    return f"about {estimate:,.0f} rows" if estimate else "no rows"
