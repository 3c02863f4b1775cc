"""Users: `sql/users/`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from svc.access.references import MAX_EXTERNAL_ID, find_user_id, with_email
from svc.accounts import users as accounts
from svc.accounts.users import CreateUser, UpdateUser
from svc.database import rows as r
from svc.database.calls import Queries
from svc.errors import ForbiddenError, InvalidRequestError, NotFoundError
from svc.fields.validation import Faults
from svc.fields.values import check_metadata, check_text
from svc.routes.pages import Page, PageQuery, one_more, page
from svc.search.index_plan import own_index_name
from svc.tenants.erase import erase_user
from svc.web.conditions import unchanged
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("users")


class User(Struct, frozen=True):
    """A user of the AI application: one tenant."""

    id: UUID
    external_id: str | None
    email: str
    name: str | None
    plan: str
    preferences: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class Me(Struct, frozen=True):
    """The user of an API key.

    `collection_id` is the only collection that the key can access; it is missing if the key can access all data of the
    user. `email` is null only for a key of one collection.
    """

    id: UUID
    external_id: str | None
    email: str | None
    name: str | None
    plan: str
    preferences: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    collection_id: UUID | UnsetType = UNSET


class UserErased(Struct, frozen=True):
    """The number of deleted rows of each table.

    `index_left` is the name of the user's own index, if they had one and it could not be dropped immediately. It
    contains no text, and the next `cabinet index apply` drops it.
    """

    id: UUID
    rows: dict[str, int]
    index_left: str | None


class UserCreated(Struct, frozen=True):
    """A new user and their first API key, which is not shown again."""

    user: User
    api_key: str


@routes.post(
    "/users",
    status=201,
    access="admin",
    errors=(409,),
    repeated="The address is unique: after a lost answer, send the request again, and 409 says that the user exists",
    example={"email": "ada@example.org", "name": "Ada Lovelace", "plan": "pro", "preferences": {"language": "en"}},
)
async def create_user(call: Call, body: CreateUser) -> UserCreated:
    """Create a user and their first API key.

    The key is shown once, since only its SHA-256 is stored.
    """
    _check(body.name, None if body.plan is UNSET else body.plan, body.preferences)
    row, key = await accounts.create_user(
        call.services.database,
        email=body.email,
        name=body.name,
        plan=call.services.settings.default_plan if body.plan is UNSET else body.plan,
        preferences=body.preferences,
        external_id=body.external_id,
    )
    return UserCreated(_user(row), key)


class UsersQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """The page of users to list: all, or the one with an email address or an external id."""

    email: Annotated[str, Meta(max_length=320, description="Without regard to case.")] | None = None
    external_id: Annotated[str, Meta(max_length=MAX_EXTERNAL_ID)] | None = None


@routes.get("/users", access="admin")
async def list_users(call: Call, query: UsersQuery) -> Page[User]:
    """List all users, newest first, or the one with this `email` or `external_id`."""
    database, max_rows = call.services.database, one_more(query.limit)
    faults = Faults()
    faults.check(check_text, query.email, "email")
    faults.check(check_text, query.external_id, "external_id")
    faults.raise_if_any()
    if query.email is not None and query.external_id is not None:
        raise InvalidRequestError("send either email or external_id", field="external_id")
    rows: Sequence[r.UsersGet | r.UsersFindByExternalId]
    if query.external_id is not None:
        row = await database.one("users/find_by_external_id", external_id=query.external_id)
        rows = [] if row is None else [row]
    elif query.email is not None:
        rows = await with_email(database, query.email)
    else:
        rows = await database.many("users/list", after=query.after, max_rows=max_rows)
    return page(rows, query.limit, _user, lambda row: row.id)


@routes.get("/users/{user_id}", access="any", errors=(404,), tagged=True)
async def get_user(call: Call) -> User:
    """Get a user: yourself, or any user with the admin key."""
    return _found(await call.services.database.one("users/get", user_id=await _visible_user(call)))


@routes.get("/me", tagged=True, within=True)
async def get_me(call: Call) -> Me:
    """Get the user to whom this API key belongs.

    A key that is limited to one collection gets that collection, but neither names nor preferences of the user.
    """
    user = _found(await call.services.database.one("users/get", user_id=call.principal.tenant))
    limit = call.principal.collection_id
    is_whole = limit is None
    return Me(
        id=user.id,
        external_id=user.external_id if is_whole else None,
        email=user.email if is_whole else None,
        name=user.name if is_whole else None,
        plan=user.plan,
        preferences=user.preferences if is_whole else {},
        created_at=user.created_at,
        updated_at=user.updated_at,
        collection_id=UNSET if limit is None else limit,
    )


@routes.patch(
    "/users/{user_id}",
    access="any",
    errors=(404, 409),
    tagged=True,
    example={"name": "Ada King", "preferences": {"language": "en", "theme": "dark"}},
)
async def update_user(call: Call, body: UpdateUser) -> User:
    """Change a user: yourself, or any user with the admin key."""
    user_id = await _visible_user(call)
    if body.plan is not UNSET and not call.principal.is_admin:
        raise ForbiddenError("changing the plan requires the admin key", field="plan")
    if body.external_id is not UNSET and not call.principal.is_admin:
        raise ForbiddenError("changing the external id requires the admin key", field="external_id")
    name = None if body.name is UNSET else body.name
    preferences = None if body.preferences is UNSET else body.preferences
    plan = None if body.plan is UNSET else body.plan
    _check(name, plan, preferences)
    async with (
        accounts.explained(call.services.database, plan),
        unchanged(call, lambda queries: _held(queries, user_id)) as queries,
    ):
        row = await accounts.update_user(
            queries,
            user_id,
            email=None if body.email is UNSET else body.email,
            set_name=body.name is not UNSET,
            name=name,
            plan=plan,
            preferences=preferences,
            set_external_id=body.external_id is not UNSET,
            external_id=None if body.external_id is UNSET else body.external_id,
        )
    if body.plan is not UNSET or body.external_id is not UNSET:
        # A token is cached with the user who had its subject as the external id.
        call.services.authenticator.forget(user_id)
    return _found(row)


@routes.delete("/users/{user_id}", access="any", errors=(404,), tagged=True)
async def delete_user(call: Call) -> UserErased:
    """Erase a user with all their data: yourself, or any user with the admin key.

    The answer reports how many rows of each table were deleted. Afterwards, no table contains data of the user.
    """
    user_id = await _visible_user(call)
    async with unchanged(call, lambda queries: _held(queries, user_id)):
        pass  # A user is erased in several transactions, which are not held up by a lock on the user.
    erased = await erase_user(call.services.database, user_id)
    call.services.authenticator.forget(user_id)
    if erased is None:
        raise NotFoundError("there is no such user")
    is_left = erased.had_index and not await call.services.drop_own_index(user_id)
    return UserErased(user_id, erased.rows, own_index_name(user_id) if is_left else None)


async def _visible_user(call: Call) -> UUID:
    """Return the id of the user in the path, if the caller may see that user.

    Raises:
        NotFoundError: there is no such user, or another user sent the request.
    """
    user_id = await find_user_id(call.services.database, call.path_text("user_id", "user"))
    if user_id is None or (not call.principal.is_admin and user_id != call.principal.user_id):
        raise NotFoundError("there is no such user")
    return user_id


async def _held(queries: Queries, user_id: UUID) -> User:
    """Lock a user and return them."""
    return _found(await queries.one("users/get_to_change", user_id=user_id))


def _found(row: r.UsersGet | None) -> User:
    if row is None:
        raise NotFoundError("there is no such user")
    return _user(row)


def _user(row: r.UsersGet | r.UsersFindByExternalId) -> User:
    return User(
        id=row.id,
        external_id=row.external_id,
        email=row.email,
        name=row.name,
        plan=row.plan,
        preferences=row.preferences,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _check(name: str | None, plan: str | None, preferences: dict[str, Any] | None) -> None:
    faults = Faults()
    faults.check(check_text, name, "name")
    faults.check(check_text, plan, "plan")
    faults.check(check_metadata, preferences, "preferences")
    faults.raise_if_any()
