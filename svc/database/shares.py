"""The connections of the pool, divided among tenants: requests wait for their turn, for a limited time.

A statement that changes or locks rows can wait for the lock of another session, for any number of tenants at the same
time. Such statements together never use the last connections, which remain for statements that only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from svc.errors import ConnectionsBusyError, TooManyAtOnceError
from svc.turns import Turns

# Workers and commands, and requests whose user is not known yet or that concern no user. Each has a share, like a
# tenant, and is served before the tenants, since their statements are few or short.
_BACKGROUND = "background"
_ANY_REQUEST = "request"
_RETRY_AFTER_S = 1.0
# This share of the connections is not for statements that can wait for a lock, except in a pool of one connection.
_READ_SHARE = 5


class Caller:
    """The request for which a task runs statements: its tenant, and whether it has already had a connection."""

    __slots__ = ("has_begun", "tenant")

    def __init__(self) -> None:
        self.tenant: Hashable = _ANY_REQUEST
        self.has_begun = False


_caller: ContextVar[Caller | None] = ContextVar("database_caller", default=None)


@contextmanager
def request_share() -> Iterator[None]:
    """Take the connections of the block, and of the tasks that it starts, from the share of a request."""
    token = _caller.set(Caller())
    try:
        yield
    finally:
        _caller.reset(token)


def use_share_of(user_id: UUID | None) -> None:
    """From now on, take the connections of the current request from the share of this user (None: of no user)."""
    caller = _caller.get()
    if caller is not None and user_id is not None:
        caller.tenant = user_id


class Turn:
    """A turn at the connections, for `leave`."""

    __slots__ = ("can_wait", "tenant")

    def __init__(self, tenant: Hashable, *, can_wait: bool) -> None:
        self.tenant = tenant
        self.can_wait = can_wait


class Places:
    """The places of a pool without a queue: a request that finds none `free` uses another pool."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count

    async def enter(self, *, can_wait: bool) -> Turn:
        """Take a free place."""
        self.free -= 1
        return Turn(_BACKGROUND, can_wait=can_wait)

    def leave(self, _turn: Turn) -> None:
        """Return the place."""
        self.free += 1


class Shares:
    """The turns at the pool's connections. Requests wait for at most `request_s` seconds, everything else `other_s`."""

    def __init__(self, places: int, request_s: float, other_s: float) -> None:
        self.count = places
        self._turns = Turns(places, ahead=(_BACKGROUND, _ANY_REQUEST))
        # The tenants' statements that can wait for a lock also need a place here.
        self._changes = Turns(max(1, min(places - 1, places - places // _READ_SHARE)))
        self._request_s = request_s
        self._other_s = other_s

    async def enter(self, *, can_wait: bool) -> Turn:
        """Wait for the turn of the current task. `can_wait`: its statement can wait for a lock of another session.

        Raises:
            TooManyAtOnceError: other requests of the same user use all connections that one user may use.
            ConnectionsBusyError: no connection became free in time.
        """
        caller = _caller.get()
        if caller is None:
            turn = Turn(_BACKGROUND, can_wait=False)
            await self._take(turn, self._other_s, is_first=False)
            return turn
        turn = Turn(caller.tenant, can_wait=can_wait and isinstance(caller.tenant, UUID))
        # A request should finish its work before another request begins.
        await self._take(turn, self._request_s, is_first=caller.has_begun)
        caller.has_begun = True
        return turn

    async def _take(self, turn: Turn, most_s: float, *, is_first: bool) -> None:
        try:
            async with asyncio.timeout(most_s):
                if turn.can_wait:
                    await self._changes.take(turn.tenant, is_first=is_first)
                try:
                    await self._turns.take(turn.tenant, is_first=is_first)
                except BaseException:
                    if turn.can_wait:
                        self._changes.give_back(turn.tenant)
                    raise
        except TimeoutError:
            raise self._refusal(turn) from None

    def leave(self, turn: Turn) -> None:
        """End the turn that `enter` began."""
        self._turns.give_back(turn.tenant)
        if turn.can_wait:
            self._changes.give_back(turn.tenant)

    def _refusal(self, turn: Turn) -> TooManyAtOnceError | ConnectionsBusyError:
        turns = self._changes if turn.can_wait else self._turns
        if isinstance(turn.tenant, UUID) and turns.has_any(turn.tenant):
            return TooManyAtOnceError(
                "your other requests use all database connections that one user may use: wait for their answers, or "
                "send fewer at once",
                retry_after_s=_RETRY_AFTER_S,
            )
        return ConnectionsBusyError(
            "all database connections are busy; try again in a moment", retry_after_s=_RETRY_AFTER_S
        )
