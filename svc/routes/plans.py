"""The plans and their limits: `sql/plans/`."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from svc.accounts.plans import MAX_PLANS, CreatePlan, UpdatePlan, create_plan, set_limits
from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import NotFoundError
from svc.web.conditions import unchanged
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("plans")


class Plan(Struct, frozen=True):
    """A plan with its limits; null means no limit."""

    name: str
    max_documents: int | None
    max_chunks: int | None
    max_bytes: int | None
    max_conversations: int | None
    max_messages: int | None
    max_keys: int | None
    tokens_per_month: int | None
    requests_per_minute: int | None
    updated_at: datetime


class Plans(Struct, frozen=True):
    """All plans."""

    data: list[Plan]


@routes.get("/plans", access="any")
async def list_plans(call: Call) -> Plans:
    """List the plans with their limits."""
    return Plans([_plan(row) for row in await call.services.database.many("plans/list", max_rows=MAX_PLANS)])


@routes.post(
    "/plans",
    status=201,
    access="admin",
    errors=(409,),
    tagged=True,
    repeated="The name is unique: after a lost answer, send the request again, and 409 says that the plan exists",
    body_bytes=16 * 2**10,
    example={"name": "team", "max_documents": 20000, "tokens_per_month": 100000000, "requests_per_minute": 1200},
)
async def add_plan(call: Call, body: CreatePlan) -> Plan:
    """Add a plan.

    An omitted limit means no limit. `PATCH /users/{user_id}` gives the plan to a user. A plan cannot be renamed or
    deleted.
    """
    return _plan(await create_plan(call.services.database, body))


@routes.get("/plans/{plan}", access="any", errors=(404,), tagged=True)
async def get_plan(call: Call) -> Plan:
    """Get one plan with its limits."""
    return _found(await call.services.database.one("plans/get", name=call.path_text("plan", "plan")))


async def _held(queries: Queries, name: str) -> Plan:
    """Lock a plan and return it."""
    return _found(await queries.one("plans/get_to_change", name=name))


def _found(row: r.PlansGet | None) -> Plan:
    if row is None:
        raise NotFoundError("there is no such plan")
    return _plan(row)


@routes.patch(
    "/plans/{plan}",
    access="admin",
    errors=(404,),
    tagged=True,
    body_bytes=16 * 2**10,
    example={"max_documents": 50000, "tokens_per_month": 1000000000, "requests_per_minute": None},
)
async def update_plan(call: Call, body: UpdatePlan) -> Plan:
    """Change the limits of a plan.

    The new limits apply immediately to new data; existing data stays. Other servers may apply the old
    limits of requests and searches for a few more seconds, until their caches expire.
    """
    name = call.path_text("plan", "plan")
    async with unchanged(call, lambda queries: _held(queries, name)) as queries:
        plan = _plan(await set_limits(queries, name, body))
    call.services.authenticator.forget_all()
    return plan


def _plan(row: r.PlansGet) -> Plan:
    return Plan(
        name=row.name,
        max_documents=row.max_documents,
        max_chunks=row.max_chunks,
        max_bytes=row.max_bytes,
        max_conversations=row.max_conversations,
        max_messages=row.max_messages,
        max_keys=row.max_keys,
        tokens_per_month=row.tokens_per_month,
        requests_per_minute=row.requests_per_minute,
        updated_at=row.updated_at,
    )
