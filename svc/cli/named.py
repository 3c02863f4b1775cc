"""Users as a command names them: by id, by email address, or by the external id."""

from __future__ import annotations

from uuid import UUID

import click

from svc.access.references import find_user
from svc.database.queries import Database
from svc.errors import NotFoundError
from svc.printable import printable


class _User(click.ParamType[str]):
    name = "user"

    def convert(self, value: str, _param: click.Parameter | None, _ctx: click.Context | None) -> str:
        """The word itself, which only the database can resolve to a user."""
        return value


user_argument = click.argument("user", metavar="USER", type=_User())
"""The argument that `named_user` reads."""
optional_user_argument = click.argument("user", metavar="USER", type=_User(), required=False)
"""The same, for a command over HTTP with the key of a user."""


async def named_user(database: Database, name: str) -> UUID:
    """Return the id of the user with this id, email address or external id.

    Raises:
        NotFoundError: there is no such user.
    """
    user_id = await find_user(database, name)
    if user_id is None or await database.one("users/get", user_id=user_id) is None:
        raise NotFoundError(f"there is no user {printable(name)}")
    return user_id
