"""The plans of all statements: those that the planner would make for any values, or those of their examples, run."""

from __future__ import annotations

from dataclasses import dataclass

from svc.database.examples import resolve
from svc.database.explain import Explainer, has_plan
from svc.database.queries import Database
from svc.database.statements import Statement
from svc.errors import CabinetError
from svc.plans.files import plan_path, read_plan_file
from svc.plans.tree import Plan
from svc.resources import resource_folder
from svc.settings import Settings


@dataclass(frozen=True)
class StatementPlan:
    """The plan of one statement and how it came about, in words; without a plan, why there is none."""

    plan: Plan | None
    how: str


async def read_plans(settings: Settings, url: str, database: Database, *, is_run: bool) -> dict[str, StatementPlan]:
    """A plan for each statement, by its name.

    `is_run`: statements with examples are run with them, and undone; the others, and without it all, are estimated.
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
        return StatementPlan(None, f"What is :{statement.shape} has no plan.")
    path = plan_path(resource_folder("plans"), statement.name)
    try:
        if running is None or not path.exists():
            return StatementPlan(await estimating.estimate(statement), "As planned for any values; not run.")
        case = read_plan_file(path).case(None)
        example = await resolve(database, statement, case.arguments)
        plan = await running.analyze(statement, example.values)
    except CabinetError as error:
        if statement.needs:
            return StatementPlan(None, f"It needs {statement.needs}, which this database lacks.")
        return StatementPlan(None, f"It could not be explained: {error.detail}")
    made_up = f" Made up: {'; '.join(example.missing)}." if example.missing else ""
    return StatementPlan(
        plan,
        f"As run for the example “{case.name}” and undone: planned in {plan.planning_ms:,.2f} ms, "
        f"run in {plan.execution_ms:,.2f} ms.{made_up}",
    )
