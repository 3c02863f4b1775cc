"""`cabinet sql explain`: the plans of a statement on the current database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent

import click
import msgspec
from rich.console import Console
from rich.padding import Padding

from svc.cli.environment import DATABASE_OPTIONS, POOL_OPTIONS, migrated_urls, run, settings_options
from svc.cli.output import echo_json, echo_lines
from svc.cli.sections import Command
from svc.database.queries import Database, open_database
from svc.database.statements import Statement
from svc.errors import InvalidRequestError, NotFoundError
from svc.plans.drawing import drawn, plain
from svc.plans.examples import Example, resolve
from svc.plans.explain import PLAN_KINDS, Explainer, PlanKind, has_plan, kind_of_service
from svc.plans.files import plan_path, read_plan_file
from svc.plans.findings import find
from svc.plans.tree import QueryPlan, shortened
from svc.printable import printable
from svc.resources import resource_folder
from svc.settings import Settings

# The width of output to a file or a pipe, where nothing is wrapped.
_PLAIN_WIDTH = 10_000


@dataclass(frozen=True)
class Explained:
    """A statement's plans for one example."""

    statement: Statement
    case: str
    example: Example
    plans: dict[PlanKind, QueryPlan]


@click.command(cls=Command)
@click.argument("name")
@click.option("--arg", "given", multiple=True, metavar="NAME=VALUE", help="Value of a parameter; NAME alone: null.")
@click.option("--case", "case", metavar="NAME", help="Example of the plan file; the first when not given.")
@click.option("--custom/--generic", "only", default=None, help="Only this kind of plan. Default: both.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@settings_options(*DATABASE_OPTIONS, *POOL_OPTIONS)
def explain(  # noqa: PLR0917  (click passes names)
    settings: Settings, name: str, given: Sequence[str], case: str | None, only: bool | None, form: str
) -> None:
    """Run a statement, roll it back, and draw its plans with their problems.

    Values that are not given come from its plan file and are looked up in the database. Write values as in PostgreSQL.
    """
    kinds = PLAN_KINDS if only is None else (PLAN_KINDS[0] if only else PLAN_KINDS[1],)
    explained = run(_explained(settings, name.removesuffix(".sql"), case, dict(map(_argument, given)), kinds))
    if form == "json":
        echo_json(_as_json(explained))
    else:
        _print(explained)


def _argument(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


async def _explained(
    settings: Settings, name: str, case: str | None, given: dict[str, str | None], kinds: Sequence[PlanKind]
) -> Explained:
    # As the owner: the service's role may not run the statements of the migrations.
    async with migrated_urls(settings) as urls:
        database = await open_database(settings, urls.owner)
        try:
            statement = _statement(database, name)
            case, arguments = _example(statement, case, given)
            example = await resolve(database, statement, {**arguments, **given})
            plans = {}
            for kind in kinds:
                explainer = await Explainer.open(settings, urls.owner, database.statements, kind)
                try:
                    plans[kind] = await explainer.analyze(statement, example.values)
                finally:
                    await explainer.close()
            return Explained(statement, case, example, plans)
        finally:
            await database.close()


def _statement(database: Database, name: str) -> Statement:
    statement = database.statements.get(name)
    if statement is None:
        raise NotFoundError(f"there is no statement {name}; cabinet sql list shows all statements")
    if not has_plan(statement):
        what = f"needs {statement.needs}" if statement.needs else f"is :{statement.shape}"
        raise InvalidRequestError(f"sql/{name}.sql {what}, so there is no plan of it")
    return statement


def _example(statement: Statement, case: str | None, given: dict[str, str | None]) -> tuple[str, dict[str, str]]:
    """Name and arguments of the requested case; without a plan file, all values must be given."""
    path = plan_path(resource_folder("plans"), statement.name)
    lacking = [one for one in statement.parameter_names if one not in given]
    if case is None and not path.exists() and not lacking:
        return "as given", {}
    found = read_plan_file(path).case(case)
    return found.name, dict(found.arguments)


def _as_json(explained: Explained) -> bytes:
    plans = []
    for kind, plan in explained.plans.items():
        numbers = {id(node): number for number, node in enumerate(plan.walk())}
        findings = [
            {"node": numbers[id(one.node)], "kind": one.kind, "what": one.problem, "advice": one.advice}
            for one in find(plan)
        ]
        plans.append({"kind": kind, **msgspec.to_builtins(plan), "findings": findings})
    values = {name: value and shortened_value(value) for name, value in explained.example.values.items()}
    return msgspec.json.encode(
        {
            "statement": explained.statement.name,
            "case": explained.case,
            "arguments": values,
            "made_up": explained.example.missing,
            "plan_of_service": kind_of_service(explained.statement),
            "plans": plans,
        }
    )


def shortened_value(value: str) -> str:
    """A value for people: a vector is shortened."""
    return printable(shortened(f"'{value}'")[1:-1])


def _print(explained: Explained) -> None:
    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)
    console.print(f"{explained.statement.name}, {explained.case}", style="bold")
    for name, value in explained.example.values.items():
        console.print(f"  {name} = {'null' if value is None else shortened_value(value)}", markup=False)
    for made_up in explained.example.missing:
        console.print(f"  {printable(made_up)}; a synthetic one is used instead", markup=False)
    if explained.statement.is_generic:
        console.print("  planned once: the service runs it with the generic plan", style="dim")
    for kind, plan in explained.plans.items():
        console.print()
        console.print(
            f"{kind} plan: planned in {plan.planning_ms:,.2f} ms, run in {plan.execution_ms:,.2f} ms", style="bold"
        )
        settings = ", ".join(f"{name} = {value}" for name, value in plan.settings.items())
        console.print(f"  settings: {printable(settings) or 'as the server has them'}", style="dim", markup=False)
        if console.is_terminal:
            console.print(Padding(drawn(plan), (0, 0, 0, 2)))
        else:
            echo_lines(indent(plain(plan), "  "))
        for trigger in plan.triggers:
            fired = f"{trigger.name} on {trigger.relation}: {trigger.calls:,} calls, {trigger.time_ms:,.2f} ms"
            console.print(f"  {printable(fired)}", markup=False)
        findings = find(plan)
        for finding in findings:
            problem = f"{finding.node.title} {finding.problem}: {finding.advice}."
            console.print(f"  {printable(problem)}", style="yellow", markup=False)
        if not findings:
            console.print("  No problems found.")
