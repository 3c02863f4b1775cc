"""Users, their keys, and plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack
from urllib.parse import quote

import msgspec

from cabinet_client import bodies, models
from cabinet_client._async.pages import AsyncPages
from cabinet_client._async.resource import Resource
from cabinet_client.bodies import Id
from cabinet_client.errors import NotFoundError, answer_error


class AsyncUsers(Resource):
    """Users. Other users than the caller's own require the admin key."""

    async def create(self, email: str, **fields: Unpack[bodies.CreateUser]) -> models.UserCreated:
        """Create a user; `api_key` of the answer is shown only once."""
        return await self._request("POST", "/users", body={"email": email, **fields}, returns=models.UserCreated)

    def list(self) -> AsyncPages[models.User]:
        """All users, newest first."""
        return AsyncPages(self._client, "/users", {}, models.User)

    async def get(
        self, user_id: Id | None = None, *, email: str | None = None, external_id: str | None = None
    ) -> models.User:
        """A user by id, by email address or by external id.

        Raises:
            NotFoundError: there is no such user.
        """
        if email is None and external_id is None:
            user = named(user_id)
            return await self._request("GET", f"/users/{user}", returns=models.User)
        params = {"external_id": external_id} if email is None else {"email": email}
        page = await self._request("GET", "/users", params=params, returns=models.Page[models.User])
        if not page.data:
            raise not_found(
                f"no user has the {'external id' if email is None else 'email address'} {email or external_id}"
            )
        return page.data[0]

    async def update(self, user_id: Id, **fields: Unpack[bodies.UpdateUser]) -> models.User:
        """Change a user; omitted fields keep their values."""
        user = named(user_id)
        return await self._request("PATCH", f"/users/{user}", body=fields, is_safe=True, returns=models.User)

    async def delete(self, user_id: Id) -> models.UserErased:
        """Erase a user and all data of the user."""
        user = named(user_id)
        return await self._request("DELETE", f"/users/{user}", returns=models.UserErased)


class AsyncKeys(Resource):
    """API keys of the user."""

    async def create(
        self,
        name: str | None = None,
        *,
        expires_at: Any = None,
        scopes: Sequence[bodies.Scope] = ("read", "write"),
        collection_id: Id | None = None,
    ) -> models.KeyCreated:
        """Create a key; `api_key` of the answer is shown only once. With only the scope `read`, it cannot change
        anything.

        With a `collection_id`, it is limited to the documents in that collection.
        """
        body = {"name": name, "expires_at": expires_at, "scopes": scopes, "collection_id": collection_id}
        return await self._request("POST", "/keys", body=body, returns=models.KeyCreated)

    def list(self) -> AsyncPages[models.Key]:
        """The keys, newest first, including revoked ones."""
        return AsyncPages(self._client, "/keys", {}, models.Key)

    async def get(self, key_id: Id) -> models.Key:
        """One key, without its secret."""
        return await self._request("GET", f"/keys/{key_id}", returns=models.Key)

    async def revoke(self, key_id: Id) -> None:
        """Revoke a key permanently."""
        await self._request("DELETE", f"/keys/{key_id}", returns=type(None))


class AsyncPlans(Resource):
    """Plans with their limits."""

    async def create(self, name: str, **limits: Unpack[bodies.Limits]) -> models.Plan:
        """Add a plan; for the admin."""
        return await self._request("POST", "/plans", body={"name": name, **limits}, returns=models.Plan)

    async def list(self) -> Sequence[models.Plan]:
        """All plans."""
        return (await self._request("GET", "/plans", returns=models.Plans)).data

    async def get(self, name: str) -> models.Plan:
        """One plan."""
        return await self._request("GET", f"/plans/{name}", returns=models.Plan)

    async def update(self, name: str, **limits: Unpack[bodies.Limits]) -> models.Plan:
        """Change limits of a plan; for the admin."""
        return await self._request("PATCH", f"/plans/{name}", body=limits, is_safe=True, returns=models.Plan)


def named(user: Id | None) -> str:
    """A user's id or external id as a segment of a path."""
    return quote(str(user), safe="")


def not_found(detail: str) -> NotFoundError:
    """The error if no user has the email address or external id."""
    problem = msgspec.json.encode({"title": "Not found", "status": 404, "detail": detail})
    error = answer_error(404, problem, None)
    assert isinstance(error, NotFoundError)
    return error
