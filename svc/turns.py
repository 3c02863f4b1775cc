"""Places that tenants share in turn, such as the connections of the pool, with a maximum share for each tenant."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence


class Turns:
    """A number of places. Tenants are served in turn, not in the order of arrival of their tasks.

    With `is_divided`, a tenant gets at most half of the places that the others leave, rounded up. This leaves a free
    place for the next tenant, however many places a tenant needs and however long it keeps them. The tenants in `ahead`
    are served before all others.
    """

    def __init__(self, places: int, *, is_divided: bool = True, ahead: Sequence[Hashable] = ()) -> None:
        self._free = places
        self._is_divided = is_divided
        self._ahead = ahead
        self._held: dict[Hashable, int] = {}
        # The tenants, in the order of their turns.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @property
    def waiting_count(self) -> int:
        """The number of tasks that wait for a place."""
        return sum(map(len, self._waiting.values()))

    def has_any(self, tenant: Hashable) -> bool:
        """Whether the tenant has any place."""
        return tenant in self._held

    async def take(self, tenant: Hashable, most_s: float | None = None, *, is_first: bool = False) -> None:
        """Take a place for a tenant; the caller returns it. `is_first`: before the tenant's other tasks.

        Raises:
            TimeoutError: none became free for this tenant within `most_s` seconds (None: no limit).
        """
        if self._may_take(tenant):
            # No waiter of the tenant can be overtaken here: waiters are served as soon as a place is allowed.
            self._grant(tenant)
            return
        queue = self._waiting.setdefault(tenant, deque())
        place = asyncio.get_running_loop().create_future()
        if is_first:
            queue.appendleft(place)
        else:
            queue.append(place)
        try:
            async with asyncio.timeout(most_s):
                await place
        except BaseException:
            self._withdraw(tenant, place)
            raise

    def give_back(self, tenant: Hashable) -> None:
        """Return a place of this tenant."""
        self._free += 1
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        if self._waiting:
            self._serve()

    def _may_take(self, tenant: Hashable) -> bool:
        if not self._free:
            return False
        held = self._held.get(tenant, 0)
        # The places that the others leave are the free ones and those of the tenant.
        return not self._is_divided or 2 * held < self._free + held

    def _grant(self, tenant: Hashable) -> None:
        self._free -= 1
        self._held[tenant] = self._held.get(tenant, 0) + 1

    def _serve(self) -> None:
        """Give each free place to the next task that may take it."""
        while self._free and any(self._serve_one(tenant) for tenant in self._in_turn()):
            pass

    def _in_turn(self) -> list[Hashable]:
        first = [tenant for tenant in self._waiting if tenant in self._ahead]
        return [*first, *(tenant for tenant in self._waiting if tenant not in self._ahead)]

    def _serve_one(self, tenant: Hashable) -> bool:
        if not self._may_take(tenant):
            return False
        queue = self._waiting.pop(tenant)
        place = queue.popleft()
        if queue:
            # The end of the queue.
            self._waiting[tenant] = queue
        if not place.done():
            self._grant(tenant)
            place.set_result(None)
        # Otherwise its task has been cancelled, and will withdraw.
        return True

    def _withdraw(self, tenant: Hashable, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            # The place was granted while the task was being cancelled.
            self.give_back(tenant)
            return
        queue = self._waiting.get(tenant, deque())
        if place in queue:
            queue.remove(place)
            if not queue:
                del self._waiting[tenant]
