"""Places that tenants share: shares, turns, refusals and cancellations."""

from __future__ import annotations

import asyncio
import random

import pytest

from svc.turns import Turns
from tests.conftest import PATIENCE_S


async def taken(turns: Turns, tenant: str, most: int) -> int:
    """The number of places that a tenant gets without waiting, up to `most`."""
    for number in range(most):
        try:
            await turns.take(tenant, 0.001)
        except TimeoutError:
            return number
    return most


async def test_a_tenant_holds_half_of_what_the_others_leave() -> None:
    turns = Turns(10)
    assert [await taken(turns, tenant, 10) for tenant in "abcde"] == [5, 3, 1, 1, 0]
    assert not turns.has_any("e")
    turns.give_back("a")
    assert await taken(turns, "a", 1) == 0, "the free place is not for the tenant with the most places"
    assert await taken(turns, "e", 10) == 1
    assert turns.has_any("e")


@pytest.mark.parametrize("places", [1, 2, 3, 5])
async def test_everybody_gets_a_place_of_few(places: int) -> None:
    turns = Turns(places)
    for tenant in "ab":
        assert await taken(turns, tenant, 1) == 1
        turns.give_back(tenant)


async def test_undivided_places_go_to_any_request() -> None:
    turns = Turns(2, is_divided=False)
    assert await taken(turns, "a", 5) == 2


async def served(turns: Turns, *tenants: str) -> str:
    """Let tenants wait for a single place, and return the order in which they are served."""
    order: list[str] = []

    async def use(tenant: str) -> None:
        # A capital letter means: before the other tasks of its tenant.
        await turns.take(tenant.lower(), PATIENCE_S, is_first=tenant.isupper())
        order.append(tenant)
        await asyncio.sleep(0)
        turns.give_back(tenant.lower())

    await turns.take("first")
    tasks = [asyncio.create_task(use(tenant)) for tenant in tenants]
    await asyncio.sleep(0)
    assert turns.waiting_count == len(tenants)
    turns.give_back("first")
    await asyncio.gather(*tasks)
    return "".join(order)


async def test_tenants_are_served_in_turn() -> None:
    assert await served(Turns(1), *"aaaabbc") == "abcabaa"


async def test_a_task_can_go_before_the_others_of_its_tenant() -> None:
    assert await served(Turns(1), *"aabAb") == "Ababa"


async def test_some_are_served_before_all_others() -> None:
    assert await served(Turns(1, ahead=("x", "y")), *"aabxyx") == "xyxaba"


async def test_requests_that_wait_in_vain_leave_no_trace() -> None:
    turns = Turns(2, is_divided=False)
    await turns.take("a")
    await turns.take("b")
    with pytest.raises(TimeoutError):
        await turns.take("c", 0.01)
    assert turns.waiting_count == 0
    turns.give_back("a")
    await turns.take("c", 0.01)


async def test_no_place_is_lost_when_tasks_are_cancelled_at_any_time() -> None:
    turns, chance = Turns(3), random.Random(5)

    async def use(tenant: str) -> None:
        await turns.take(tenant, chance.uniform(0.0001, 0.01))
        try:
            await asyncio.sleep(chance.uniform(0, 0.002))
        finally:
            turns.give_back(tenant)

    for _ in range(40):
        tasks = [asyncio.create_task(use(chance.choice("abc"))) for _ in range(30)]
        for task in tasks:
            asyncio.get_running_loop().call_later(chance.uniform(0, 0.006), task.cancel)
        await asyncio.wait(tasks)
    assert turns.waiting_count == 0
    assert await taken(turns, "a", 3) + await taken(turns, "b", 3) == 3
