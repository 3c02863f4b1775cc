"""Resolves the examples of a plan file to values: `sql/samples/` looks up references in the live database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from svc.database.calls import Queries
from svc.database.statements import Statement
from svc.errors import InvalidRequestError, StartupError

# Values that match no row, for references to rows that the database does not have.
_NOTHING = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "uuid[]": "{}",
    "bytea": "\\x" + 32 * "00",
    "int4": "0",
    "int8": "0",
}


@dataclass(frozen=True)
class Example:
    """The values of one run, as texts in the notation of the server's types. `missing` lists the made-up ones."""

    values: Mapping[str, str | None]
    missing: tuple[str, ...]


async def resolve(queries: Queries, statement: Statement, arguments: Mapping[str, str | None]) -> Example:
    """Returns the value of each parameter of a statement; parameters without an argument are null.

    Raises:
        StartupError: a reference names no sample; the detail lists the samples.
        InvalidRequestError: an argument is unknown, or the tenant of a sample is not a UUID.
    """
    unknown = sorted(set(arguments) - set(statement.parameter_names))
    if unknown:
        takes = ", ".join(statement.parameter_names) or "none"
        raise InvalidRequestError(f"sql/{statement.name}.sql has no parameter {', '.join(unknown)}; it has {takes}")
    samples = _Samples(queries)
    values: dict[str, str | None] = {}
    missing: list[str] = []
    # The tenant first, because the other samples are rows of that tenant.
    for parameter in sorted(statement.parameters, key=lambda one: one.name != "user_id"):
        value = arguments.get(parameter.name)
        if value is not None and value.startswith("@"):
            reference, value = value, await samples.look_up(value, values.get("user_id"))
            if value is None:
                value = _NOTHING.get(parameter.type)
                missing.append(f"{parameter.name}: this database has no {reference}")
        values[parameter.name] = value
    return Example(values, tuple(missing))


class _Samples:
    """The rows of the samples, each looked up once per tenant."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._rows: dict[str, Mapping[str, Any] | None] = {}

    async def look_up(self, reference: str, user_id: str | None) -> str | None:
        name, _, column = reference.removeprefix("@").partition(".")
        sample = self._queries.statements.get(f"samples/{name}")
        if sample is None or column not in {one.name for one in sample.columns}:
            raise StartupError(f"{reference} is not one of the samples: {', '.join(self._references())}")
        if name not in self._rows:
            self._rows[name] = await self._row(sample, user_id)
        row = self._rows[name]
        return None if row is None else row[column]

    async def _row(self, sample: Statement, user_id: str | None) -> Mapping[str, Any] | None:
        if not sample.parameters:
            return await self._queries.one_by_name(sample.name, {})
        # Statements over all tenants, such as keys/authenticate, are explained with rows of the largest tenant.
        user_id = user_id or await self.look_up("@tenant.user_id", None)
        try:
            tenant = UUID(str(user_id))
        except ValueError:
            raise InvalidRequestError(f"the tenant of sql/{sample.name}.sql is a UUID, not {user_id}") from None
        return await self._queries.one_by_name(sample.name, {"user_id": tenant})

    def _references(self) -> list[str]:
        samples = (one for name, one in sorted(self._queries.statements.items()) if name.startswith("samples/"))
        return [f"@{one.name.removeprefix('samples/')}.{column.name}" for one in samples for column in one.columns]
