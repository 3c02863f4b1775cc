"""Users as a command over HTTP names them: by id, by email address, or by the external id."""

from __future__ import annotations

from cabinet_client import AsyncCabinet, NotAllowedError, NotFoundError, models
from svc.access.references import PREFIX
from svc.errors import CabinetError
from svc.fields.ids import read_id
from svc.printable import printable

User = models.User | models.Me


class WrongUserError(CabinetError):
    """A command names a user who does not exist, or whom the key may not see."""

    title = "No such user"


async def found_user(client: AsyncCabinet, name: str) -> models.User:
    """Find a user, with the admin's key. A word with an @ is an external id only if no user has this address.

    Raises:
        WrongUserError: there is no such user.
    """
    if "@" in name and not name.startswith(PREFIX):
        try:
            return await client.users.get(email=name)
        except NotFoundError:
            pass
    try:
        user_id = read_id(name)
    except ValueError:
        user_id = None
    try:
        if user_id is not None:
            return await client.users.get(user_id)
        return await client.users.get(external_id=name.removeprefix(PREFIX))
    except NotFoundError:
        raise WrongUserError(f"there is no user {printable(name)}") from None


async def own_user(client: AsyncCabinet) -> models.Me | None:
    """The user to whom the key belongs; None for the admin key."""
    acts_for = client.acts_for
    client.act_for(None)
    try:
        return await client.me()
    except NotAllowedError:
        return None
    finally:
        client.act_for(acts_for)


async def shown_user(client: AsyncCabinet, name: str | None) -> tuple[User, AsyncCabinet]:
    """The user that a command names, or else the user of the key, and a client that acts for that user.

    Raises:
        WrongUserError: there is no such user; the key belongs to another user; or the admin key is used without a name.
    """
    own = await own_user(client)
    if own is not None:
        if name is not None and not _is_named(own, name):
            raise WrongUserError(
                f"The key belongs to {own.email or own.id}, and cannot show other users. The admin key can."
            )
        return own, client
    name = client.acts_for if name is None else name
    if name is None:
        raise WrongUserError("With the admin key, name the user by id, email address or external id.")
    client.act_for(None)
    found = await found_user(client, name)
    return found, client.for_user(found.id)


def _is_named(user: models.Me, name: str) -> bool:
    if name.casefold() in {str(user.id), (user.email or str(user.id)).casefold()}:
        return True
    return user.external_id is not None and name.removeprefix(PREFIX) == user.external_id
