"""The plans of statements with the examples of their plan files, as shapes to record or to compare."""

from __future__ import annotations

from collections.abc import Sequence

from svc.database.queries import Database
from svc.database.statements import Statement
from svc.errors import NotFoundError
from svc.plans.examples import Example, resolve
from svc.plans.explain import PLAN_KINDS, Explainer, PlanKind, has_plan
from svc.plans.files import Case, PlanFile
from svc.plans.shape import shape
from svc.plans.tree import QueryPlan
from svc.settings.database import DatabaseSettings


class Recorder:
    """Explains statements with their examples, on a session for each kind of plan."""

    def __init__(self, database: Database, explainers: dict[PlanKind, Explainer]) -> None:
        self._database = database
        self._explainers = explainers

    @classmethod
    async def open(cls, settings: DatabaseSettings, url: str, database: Database) -> Recorder:
        """Connect; raises the errors of `Explainer.open`."""
        return cls(
            database, {kind: await Explainer.open(settings, url, database.statements, kind) for kind in PLAN_KINDS}
        )

    @property
    def server_version(self) -> int:
        """The server's major version."""
        return self._explainers["custom"].server_version

    def in_order(self, names: Sequence[str] = ()) -> list[Statement]:
        """The statements that have a plan, all or the named ones; those that write come last.

        Writes are rolled back, but leave pages that are not all-visible, which index-only scans must look up.

        Raises:
            NotFoundError: there is no statement with a name.
        """
        statements = self._database.statements
        for name in names:
            if name not in statements:
                raise NotFoundError(f"there is no statement {name}; cabinet sql list shows all statements")
        chosen = [one for one in statements.values() if has_plan(one) and (not names or one.name in names)]
        return sorted(chosen, key=lambda one: (writes(one), one.name))

    async def shapes(self, statement: Statement, file: PlanFile) -> dict[str, dict[str, str]]:
        """The shapes of a statement's plans, by case and kind; raises as `resolve` and `Explainer.analyze` do."""
        return {
            case.name: {
                kind: shape(plan, statement.body) for kind, plan in (await self.plans(statement, file, case)).items()
            }
            for case in file.cases
        }

    async def plans(self, statement: Statement, file: PlanFile, case: Case) -> dict[PlanKind, QueryPlan]:
        """The plans of one case, of each kind in the file. The statement is run even if the file has none."""
        example: Example = await resolve(self._database, statement, case.arguments)
        if not file.kinds:
            await self._explainers["custom"].analyze(statement, example.values)
        return {
            kind: await explainer.analyze(statement, example.values)
            for kind, explainer in self._explainers.items()
            if kind in file.kinds
        }

    async def close(self) -> None:
        """Disconnect."""
        for explainer in self._explainers.values():
            await explainer.close()


def writes(statement: Statement) -> bool:
    """Whether a statement changes or locks rows, by the words of its text."""
    words = set(statement.body.split())
    return bool(words & {"insert", "update", "delete"})
