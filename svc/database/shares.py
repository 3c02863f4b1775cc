"""The connections of the pool, divided among tenants: who asks for one, and how long it waits for its turn."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from svc.errors import ConnectionsBusyError, TooManyAtOnceError
from svc.turns import Turns

# Workers and commands, and requests whose user is not known yet or which concern no user. Each has a share, as a tenant
# has, and both are served before the tenants: their statements are few or short.
_BACKGROUND = "background"
_ANY_REQUEST = "request"
_RETRY_AFTER_S = 1.0


class Caller:
    """The request for which a task runs statements: its tenant, and whether it has had a connection already."""

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
    """From now on, take the connections of the current request from the share of this user; None: of no user."""
    caller = _caller.get()
    if caller is not None and user_id is not None:
        caller.tenant = user_id


class Shares:
    """The turns at the pool's connections. Requests wait for at most `request_s` seconds, everything else `other_s`."""

    def __init__(self, places: int, request_s: float, other_s: float) -> None:
        self._turns = Turns(places, ahead=(_BACKGROUND, _ANY_REQUEST))
        self._request_s = request_s
        self._other_s = other_s

    async def enter(self) -> Hashable:
        """Wait for the turn of the current task. Returns the key for `leave`.

        Raises:
            TooManyAtOnceError: other requests of the same user hold all connections that one user may hold.
            ConnectionsBusyError: no connection became free in time.
        """
        caller = _caller.get()
        tenant = _BACKGROUND if caller is None else caller.tenant
        try:
            if caller is None:
                await self._turns.take(tenant, self._other_s)
            else:
                # What a request has begun should end before another one begins.
                await self._turns.take(tenant, self._request_s, is_first=caller.has_begun)
        except TimeoutError:
            raise self._refusal(tenant) from None
        if caller is not None:
            caller.has_begun = True
        return tenant

    def leave(self, tenant: Hashable) -> None:
        """End the turn that `enter` began."""
        self._turns.give_back(tenant)

    def _refusal(self, tenant: Hashable) -> TooManyAtOnceError | ConnectionsBusyError:
        if isinstance(tenant, UUID) and self._turns.has_any(tenant):
            return TooManyAtOnceError(
                "your other requests hold all database connections that one user may hold: wait for their answers, or "
                "send fewer at once",
                retry_after_s=_RETRY_AFTER_S,
            )
        return ConnectionsBusyError(
            "all database connections are busy; try again in a moment", retry_after_s=_RETRY_AFTER_S
        )
