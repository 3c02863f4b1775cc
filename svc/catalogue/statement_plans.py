"""The plans of all statements: generic plans without running them, or the plans of their examples."""

from __future__ import annotations

from dataclasses import dataclass

from svc.database.queries import Database
from svc.database.statements import Statement
from svc.errors import CabinetError
from svc.plans.examples import resolve
from svc.plans.explain import Explainer, has_plan
from svc.plans.files import plan_path, read_plan_file
from svc.plans.tree import QueryPlan
from svc.resources import resource_folder
from svc.settings.database import DatabaseSettings


@dataclass(frozen=True)
class StatementPlan:
    """The plan of one statement, and a description of its origin; without a plan, the reason."""

    plan: QueryPlan | None
    how: str


async def read_plans(
    settings: DatabaseSettings, url: str, database: Database, *, is_run: bool
) -> dict[str, StatementPlan]:
    """Returns a plan for each statement, by name.

    With `is_run`, statements with examples are run with them and rolled back. All other plans are estimates.
    """
    estimating = await Explainer.open(settings, url, database.statements, "generic")
    try:
        running = await Explainer.open(settings, url, database.statements, "custom") if is_run else None
        try:
            return {
                name: await _plan(statement, database, estimating, running)
                for name, statement in database.statements.items()
            }
        finally:
            if running is not None:
                await running.close()
    finally:
        await estimating.close()


async def _plan(
    statement: Statement, database: Database, estimating: Explainer, running: Explainer | None
) -> StatementPlan:
    if not has_plan(statement):
        return StatementPlan(None, f"A :{statement.shape} statement has no plan.")
    why_not = ""
    if running is not None:
        try:
            return await _run(statement, database, running)
        except CabinetError as error:
            # Usually because the database has no row for the example.
            why_not = f", because {error.detail}"
    try:
        return StatementPlan(await estimating.estimate(statement), f"As planned for any values; not run{why_not}.")
    except CabinetError as error:
        if statement.needs:
            return StatementPlan(None, f"It needs {statement.needs}, which this database lacks.")
        return StatementPlan(None, f"It could not be explained: {error.detail}")


async def _run(statement: Statement, database: Database, running: Explainer) -> StatementPlan:
    """The plan of the first example of the plan file.

    Raises:
        CabinetError: there is no example, or it cannot be run here.
    """
    case = read_plan_file(plan_path(resource_folder("plans"), statement.name)).case(None)
    example = await resolve(database, statement, case.arguments)
    plan = await running.analyze(statement, example.values)
    made_up = f" Made up: {'; '.join(example.missing)}." if example.missing else ""
    return StatementPlan(
        plan,
        f"As run for the example “{case.name}” and undone: planned in {plan.planning_ms:,.2f} ms, "
        f"run in {plan.execution_ms:,.2f} ms.{made_up}",
    )
