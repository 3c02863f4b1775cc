"""The plans and their limits, for the routes and the commands: `sql/plans/`."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from svc.database.calls import Queries
from svc.database.failures import ConstraintError
from svc.database.rows import PlansGet
from svc.errors import ConflictError, InvalidRequestError, NotFoundError, StartupError

MAX_LIMIT = 2**53 - 1
MAX_PLANS = 100
MAX_NAME_CHARACTERS = 63

PlanName = Annotated[
    str,
    Meta(
        max_length=MAX_NAME_CHARACTERS,
        pattern=r"^[a-z0-9][a-z0-9_-]*(?!\s)$",  # Python's $ alone would let a last line break through
        extra={"form": "at most 63 lower-case letters, digits, hyphens and underscores, such as team-2026"},
    ),
]
KnownPlan = Annotated[
    str, Meta(max_length=MAX_NAME_CHARACTERS, description="The name of a plan; `GET /plans` lists them.")
]
Limit = Annotated[int, Meta(ge=0, le=MAX_LIMIT)]
PositiveLimit = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]


class CreatePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A new plan. A limit that is null or omitted means no limit."""

    name: PlanName
    max_documents: Limit | None = None
    max_chunks: Limit | None = None
    max_bytes: Limit | None = None
    max_conversations: Limit | None = None
    max_messages: Limit | None = None
    max_keys: PositiveLimit | None = None
    tokens_per_month: Limit | None = None
    requests_per_minute: PositiveLimit | None = None


class UpdatePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits to change; null removes a limit. Omitted limits stay the same."""

    max_documents: Limit | UnsetType | None = UNSET
    max_chunks: Limit | UnsetType | None = UNSET
    max_bytes: Limit | UnsetType | None = UNSET
    max_conversations: Limit | UnsetType | None = UNSET
    max_messages: Limit | UnsetType | None = UNSET
    max_keys: PositiveLimit | UnsetType | None = UNSET
    tokens_per_month: Limit | UnsetType | None = UNSET
    requests_per_minute: PositiveLimit | UnsetType | None = UNSET


async def create_plan(queries: Queries, plan: CreatePlan) -> PlansGet:
    """Add a plan and return its row.

    Raises:
        ConflictError: a plan with this name exists, or there are `MAX_PLANS` plans.
    """
    try:
        row = await queries.one(
            "plans/create",
            name=plan.name,
            max_documents=plan.max_documents,
            max_chunks=plan.max_chunks,
            max_bytes=plan.max_bytes,
            max_conversations=plan.max_conversations,
            max_messages=plan.max_messages,
            max_keys=plan.max_keys,
            tokens_per_month=plan.tokens_per_month,
            requests_per_minute=plan.requests_per_minute,
            max_plans=MAX_PLANS,
        )
    except ConstraintError as error:
        if error.constraint != "plans_pkey":
            raise
        raise ConflictError(f"the plan {plan.name} already exists", field="name") from None
    if row is None:
        raise ConflictError(f"there are already {MAX_PLANS} plans, the maximum")
    return row


async def set_limits(queries: Queries, name: str, limits: UpdatePlan) -> PlansGet:
    """Change limits of a plan and return its row.

    Raises:
        NotFoundError: there is no such plan.
    """
    row = await queries.one(
        "plans/set",
        name=name,
        changed=[limit for limit in limits.__struct_fields__ if getattr(limits, limit) is not UNSET],
        max_documents=_given(limits.max_documents),
        max_chunks=_given(limits.max_chunks),
        max_bytes=_given(limits.max_bytes),
        max_conversations=_given(limits.max_conversations),
        max_messages=_given(limits.max_messages),
        max_keys=_given(limits.max_keys),
        tokens_per_month=_given(limits.tokens_per_month),
        requests_per_minute=_given(limits.requests_per_minute),
    )
    if row is None:
        raise NotFoundError(f"there is no such plan; the plans are {', '.join(await plan_names(queries))}")
    return row


def _given(limit: int | UnsetType | None) -> int | None:
    return None if limit is UNSET else limit


async def plan_names(queries: Queries) -> list[str]:
    """Return the names of all plans, sorted."""
    return [row.name for row in await queries.many("plans/list", max_rows=MAX_PLANS)]


async def unknown_plan(queries: Queries, name: str) -> InvalidRequestError:
    """Return the error for a request to give a user a plan that does not exist."""
    names = ", ".join(await plan_names(queries))
    return InvalidRequestError(f"plan must be one of {names}, not {name!r:.80}", field="plan")


async def check_default_plan(queries: Queries, name: str) -> None:
    """Check that the default plan for new users exists.

    Raises:
        StartupError: it does not exist.
    """
    if await queries.one("plans/get", name=name) is None:
        names = ", ".join(await plan_names(queries))
        raise StartupError(
            f"CABINET_DEFAULT_PLAN names the plan {name!r:.80}, which does not exist. Choose one of {names}, or add it "
            "with cabinet plan add."
        )
