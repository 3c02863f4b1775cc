"""The plans and their limits: `sql/plans/`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from svc.database.calls import Queries
from svc.database.queries import Row
from svc.errors import NotFoundError
from svc.routes.users import Plan as PlanName
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("plans")

MAX_LIMIT = 2**53 - 1
MOST_PLANS = 100

Limit = Annotated[int, Meta(ge=0, le=MAX_LIMIT)]
RequestLimit = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]


class Plan(Struct, frozen=True):
    """A plan with its limits; null: none."""

    name: PlanName
    max_documents: int | None
    max_chunks: int | None
    max_bytes: int | None
    tokens_per_month: int | None
    requests_per_minute: int | None
    updated_at: datetime


class Plans(Struct, frozen=True):
    """All plans."""

    data: list[Plan]


class UpdatePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits to change; null takes a limit away, and what is left out stays as it is."""

    max_documents: Limit | UnsetType | None = UNSET
    max_chunks: Limit | UnsetType | None = UNSET
    max_bytes: Limit | UnsetType | None = UNSET
    tokens_per_month: Limit | UnsetType | None = UNSET
    requests_per_minute: RequestLimit | UnsetType | None = UNSET


@routes.get("/plans", access="any")
async def list_plans(call: Call) -> Plans:
    """List the plans with their limits."""
    return Plans([Plan(**row) for row in await call.services.database.many("plans/list", max_rows=MOST_PLANS)])


@routes.get("/plans/{plan}", access="any", errors=(404,))
async def get_plan(call: Call) -> Plan:
    """Get one plan with its limits."""
    return _found(await call.services.database.one("plans/get", name=call.path_text("plan", "plan")))


@routes.patch(
    "/plans/{plan}",
    access="admin",
    errors=(404,),
    example={"max_documents": 50000, "tokens_per_month": 1000000000, "requests_per_minute": None},
)
async def update_plan(call: Call, body: UpdatePlan) -> Plan:
    """Change the limits of a plan.

    They hold at once for what is added from now on; what users have already stays. Other servers may count requests and
    searches by the old limits for the few seconds of their cache.
    """
    plan = _found(await set_limits(call.services.database, call.path_text("plan", "plan"), body))
    call.services.authenticator.forget_all()
    return plan


async def set_limits(queries: Queries, name: str, limits: UpdatePlan) -> Row | None:
    """Change limits of a plan; its row, None where there is no such plan."""
    return await queries.one(
        "plans/set",
        name=name,
        changed=[name for name in limits.__struct_fields__ if getattr(limits, name) is not UNSET],
        max_documents=_given(limits.max_documents),
        max_chunks=_given(limits.max_chunks),
        max_bytes=_given(limits.max_bytes),
        tokens_per_month=_given(limits.tokens_per_month),
        requests_per_minute=_given(limits.requests_per_minute),
    )


def _given(limit: int | UnsetType | None) -> int | None:
    return None if limit is UNSET else limit


def _found(row: Row | None) -> Plan:
    if row is None:
        raise NotFoundError("there is no such plan")
    return msgspec.convert(dict(row), Plan)
