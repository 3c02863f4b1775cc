"""The collections that a tool can name: the user's own, and those that others share with the user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice

from cabinet_client import AsyncCabinet, NotAllowedError, NotFoundError, models
from svc.fields.ids import read_id
from svc.mcp.failures import ToolFailedError

# A user can have 10,000; further ones can be named by id.
_MOST_LOOKED_AT = 1_000
_MOST_NAMED = 10


async def named_collection(client: AsyncCabinet, wanted: str) -> models.Collection:
    """Return the collection with this id, or with this name in any case.

    Raises:
        ToolFailedError: there is no such collection, or several have the name.
    """
    text = wanted.strip()
    try:
        return await client.collections.get(read_id(text))
    except NotFoundError:
        raise ToolFailedError(
            f"There is no collection {text}. {_known([each async for each in _all(client)])}"
        ) from None
    except ValueError:
        pass
    seen = [each async for each in _all(client)]
    found = [each for each in seen if each.name and each.name.casefold() == text.casefold()]
    if len(found) > 1:
        ids = ", ".join(f"{each.id} ({_kind(each)})" for each in islice(found, _MOST_NAMED))
        raise ToolFailedError(f"Several collections are called {text[:80]!r}. Name one by its id: {ids}.")
    if not found:
        raise ToolFailedError(f"There is no collection {text[:80]!r}. {_known(seen)}")
    return found[0]


async def shared_hint(client: AsyncCabinet) -> str:
    """Return a sentence with the names of the collections that others share with the user, or an empty text."""
    found: list[models.Collection] = []
    try:
        async for each in client.collections.list(shared=True):
            found.append(each)
            if len(found) > _MOST_NAMED:
                break
    except NotAllowedError:
        # A key that is limited to one collection cannot access others.
        return ""
    if not found:
        return ""
    return f"\n\n(Shared collections of other users, which are included only if named as collection: {_names(found)}.)"


async def _all(client: AsyncCabinet) -> AsyncIterator[models.Collection]:
    """The first collections of the user, then the first collections shared by others."""
    for shared in (False, True):
        left = _MOST_LOOKED_AT
        try:
            async for each in client.collections.list(shared=shared):
                yield each
                left -= 1
                if not left:
                    break
        except NotAllowedError:
            return


def _known(collections: list[models.Collection]) -> str:
    return f"There are: {_names(collections)}." if collections else "There are no collections."


def _names(collections: list[models.Collection]) -> str:
    shown = [f"{each.name[:80]!r}" if each.name else str(each.id) for each in collections[:_MOST_NAMED]]
    return ", ".join([*shown, "and more"] if len(collections) > _MOST_NAMED else shown)


def _kind(collection: models.Collection) -> str:
    return "the user's own" if collection.access == "owner" else "shared with the user"
