# Generated from ../_async/ by generate_sync.py: change that file instead.
"""Users, their keys, and plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack
from urllib.parse import quote

import msgspec

from cabinet_client import bodies, models
from cabinet_client._sync.pages import Pages
from cabinet_client._sync.resource import Resource
from cabinet_client.bodies import Id
from cabinet_client.errors import NotFoundError, answer_error


class Users(Resource):
    """Users. Other users than the caller's own require the admin key."""

    def create(self, email: str, **fields: Unpack[bodies.CreateUser]) -> models.UserCreated:
        """Create a user; `api_key` of the answer is shown only once."""
        return self._request("POST", "/users", body={"email": email, **fields}, returns=models.UserCreated)

    def list(self) -> Pages[models.User]:
        """All users, newest first."""
        return Pages(self._client, "/users", {}, models.User)

    def get(
        self, user_id: Id | None = None, *, email: str | None = None, external_id: str | None = None
    ) -> models.User:
        """A user by id, by email address or by external id.

        Raises:
            NotFoundError: there is no such user.
        """
        if email is None and external_id is None:
            user = named(user_id)
            return self._request("GET", f"/users/{user}", returns=models.User)
        params = {"external_id": external_id} if email is None else {"email": email}
        page = self._request("GET", "/users", params=params, returns=models.Page[models.User])
        if not page.data:
            raise not_found(
                f"no user has the {'external id' if email is None else 'email address'} {email or external_id}"
            )
        return page.data[0]

    def update(self, user_id: Id, **fields: Unpack[bodies.UpdateUser]) -> models.User:
        """Change a user; omitted fields keep their values."""
        user = named(user_id)
        return self._request("PATCH", f"/users/{user}", body=fields, is_safe=True, returns=models.User)

    def delete(self, user_id: Id) -> models.UserErased:
        """Erase a user and all data of the user."""
        user = named(user_id)
        return self._request("DELETE", f"/users/{user}", returns=models.UserErased)


class Keys(Resource):
    """API keys of the user."""

    def create(
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
        return self._request("POST", "/keys", body=body, returns=models.KeyCreated)

    def list(self) -> Pages[models.Key]:
        """The keys, newest first, including revoked ones."""
        return Pages(self._client, "/keys", {}, models.Key)

    def get(self, key_id: Id) -> models.Key:
        """One key, without its secret."""
        return self._request("GET", f"/keys/{key_id}", returns=models.Key)

    def revoke(self, key_id: Id) -> None:
        """Revoke a key permanently."""
        self._request("DELETE", f"/keys/{key_id}", returns=type(None))


class Plans(Resource):
    """Plans with their limits."""

    def create(self, name: str, **limits: Unpack[bodies.Limits]) -> models.Plan:
        """Add a plan; for the admin."""
        return self._request("POST", "/plans", body={"name": name, **limits}, returns=models.Plan)

    def list(self) -> Sequence[models.Plan]:
        """All plans."""
        return (self._request("GET", "/plans", returns=models.Plans)).data

    def get(self, name: str) -> models.Plan:
        """One plan."""
        return self._request("GET", f"/plans/{name}", returns=models.Plan)

    def update(self, name: str, **limits: Unpack[bodies.Limits]) -> models.Plan:
        """Change limits of a plan; for the admin."""
        return self._request("PATCH", f"/plans/{name}", body=limits, is_safe=True, returns=models.Plan)


def named(user: Id | None) -> str:
    """A user's id or external id as a segment of a path."""
    return quote(str(user), safe="")


def not_found(detail: str) -> NotFoundError:
    """The error if no user has the email address or external id."""
    problem = msgspec.json.encode({"title": "Not found", "status": 404, "detail": detail})
    error = answer_error(404, problem, None)
    assert isinstance(error, NotFoundError)
    return error
