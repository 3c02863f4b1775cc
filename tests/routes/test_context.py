"""The context of a conversation: the messages that fit, those always included, and the cost."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from svc.database.statements import load_statements
from svc.resources import resource_folder
from tests.routes.answers import ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection

# Role and tokens of each message; its position is its index in the list plus 1.
Said = list[tuple[str, int]]


async def conversation_of(tenant: Tenant, said: Said) -> str:
    """Create a conversation with these messages and return its path."""
    path = f"/conversations/{(await tenant.conversation())['id']}"
    body = [
        {"role": role, "content": f"message {number}", "token_count": tokens}
        for number, (role, tokens) in enumerate(said, start=1)
    ]
    for first in range(0, len(body), 1000):
        ok(await tenant.post(f"{path}/messages", json=body[first : first + 1000]), 201)
    return path


def expected(said: Said, token_budget: int, max_messages: int) -> list[int]:
    """Compute the expected positions, message by message."""
    system = [position for position, (role, _) in enumerate(said, start=1) if role == "system"][-100:]
    left = token_budget - sum(said[position - 1][1] for position in system)
    others: list[int] = []
    for position in range(len(said), 0, -1):
        role, tokens = said[position - 1]
        if role == "system":
            continue
        left -= tokens
        if left < 0 or len(others) == max_messages:
            break
        others.append(position)
    # An answer of a tool belongs to the message before it.
    while others and len(system + others) < len(said) and said[others[-1] - 1][0] == "tool":
        others.pop()
    return sorted(system + others)


TALK: Said = [("user", 10), ("assistant", 20)] * 10
SYSTEM_FIRST: Said = [("system", 25), *TALK]
SYSTEM_BETWEEN: Said = [("system", 5), *TALK[:6], ("system", 7), ("tool", 3), *TALK, ("system", 1)]


@pytest.mark.parametrize("said", [TALK, SYSTEM_FIRST, SYSTEM_BETWEEN, [("system", 9)], [("user", 9)]], ids=len)
@pytest.mark.parametrize("max_messages", [1, 3, 1000])
async def test_the_newest_messages_that_fit_are_returned_oldest_first(
    tenant: Tenant, said: Said, max_messages: int
) -> None:
    path = await conversation_of(tenant, said)
    listed = ok(await tenant.get(f"{path}/messages?limit=100"))["data"]
    everything = {message["position"]: message for message in listed}
    for token_budget in (1, 8, 9, 13, 30, 31, 55, 100, 113, 114, 325, 3000):
        answer = await tenant.get(
            f"{path}/context", params={"token_budget": token_budget, "max_messages": max_messages}
        )
        context = ok(answer)
        positions = expected(said, token_budget, max_messages)
        assert statements(answer) == 1
        if not positions:
            assert context == {"data": [], "token_count": 0, "omitted": len(said)}
            continue
        assert context["data"] == [everything[position] for position in positions]
        assert context["token_count"] == sum(said[position - 1][1] for position in positions)
        assert context["omitted"] == len(said) - len(positions)


@pytest.mark.parametrize("length", [63, 64, 65, 66, 200])
@pytest.mark.parametrize("system", [0, 50])
async def test_the_budget_applies_equally_to_long_conversations(tenant: Tenant, system: int, length: int) -> None:
    """The statement reads 64 messages first, and more if the budget allows."""
    said: Said = [("user", 1 + number % 3) for number in range(length)]
    if system:
        said = [("system", system), *said]
    path = await conversation_of(tenant, said)
    newest_first = [tokens for role, tokens in reversed(said) if role != "system"]
    for count in (62, 63, 64, 65, 128, 199):
        exact = system + sum(newest_first[:count])
        for token_budget in (exact - 1, exact, exact + 1):
            for max_messages in (63, 64, 65, 66, 1000):
                params = {"token_budget": token_budget, "max_messages": max_messages}
                context = ok(await tenant.get(f"{path}/context", params=params))
                positions = [message["position"] for message in context["data"]]
                assert positions == expected(said, token_budget, max_messages), params


async def test_the_default_budget_is_3000_tokens(tenant: Tenant) -> None:
    path = await conversation_of(tenant, [("user", 1000)] * 5)
    context = ok(await tenant.get(f"{path}/context"))
    assert ([message["position"] for message in context["data"]], context["token_count"]) == ([3, 4, 5], 3000)


async def test_at_most_the_newest_100_system_messages_are_returned(tenant: Tenant) -> None:
    path = await conversation_of(tenant, [("system", 1)] * 120 + [("user", 1)])
    context = ok(await tenant.get(f"{path}/context"))
    assert [message["position"] for message in context["data"]] == list(range(21, 122))
    assert context["omitted"] == 20


async def test_an_empty_conversation_has_an_empty_context(tenant: Tenant) -> None:
    path = await conversation_of(tenant, [])
    assert ok(await tenant.get(f"{path}/context")) == {"data": [], "token_count": 0, "omitted": 0}


@pytest.mark.parametrize("name", ["token_budget", "max_messages"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "all", "", "10000001"])
async def test_a_wrong_parameter_is_named(tenant: Tenant, name: str, value: str) -> None:
    path = await conversation_of(tenant, TALK)
    problem(await tenant.get(f"{path}/context", params={name: value}), 422, name)


# --- cost


async def fill(connection: Any, tenant: Tenant, conversations: int, messages: int) -> list[UUID]:
    """Create conversations with this many messages each, the first a system message."""
    return [
        row["id"]
        for row in await connection.fetch(
            """
            with made as (
                insert into conversations (user_id, message_count)
                select $1, $3 from generate_series(1, $2) returning user_id, id
            ),
            said as (
                insert into messages (user_id, conversation_id, position, role, content, token_count)
                select m.user_id, m.id, p, case when p = 1 then 'system' else 'user' end, 'message ' || p, 5
                from made as m cross join generate_series(1, $3) as p
            )
            select id from made order by id""",
            UUID(tenant.id), conversations, messages,
        )
    ]  # fmt: skip


async def plan_of(connection: Any, name: str, *values: Any) -> dict[str, Any]:
    """Run a statement of `sql/` with these values and return its plan."""
    text = load_statements(resource_folder("sql"))[name].body.rstrip(";")
    await connection.execute("set plan_cache_mode = force_custom_plan")
    rows = await connection.fetch(f"explain (analyze, buffers, format json) {text}", *values)
    return dict(json.loads(rows[0][0])[0])


def scans(plan: Any) -> dict[str, float]:
    """Return the rows that a plan read, by table or index; sequential scans as `seq <table>`."""
    found: dict[str, float] = {}
    stack = [plan["Plan"]]
    while stack:
        node = stack.pop()
        stack += node.get("Plans", [])
        if node["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"):
            name = node.get("Index Name") or f"seq {node['Relation Name']}"
            rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            found[name] = found.get(name, 0) + rows
    return found


def pages(plan: Any) -> int:
    """Return the number of pages that a plan accessed."""
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


async def test_a_context_costs_the_same_however_long_the_conversation_is(tenant: Tenant) -> None:
    async with direct_connection(tenant.service) as connection:
        (short,), (long,) = await fill(connection, tenant, 1, 200), await fill(connection, tenant, 1, 20_000)
        await connection.execute("vacuum analyze messages")
        plans = [
            await plan_of(connection, "messages/context", UUID(tenant.id), conversation_id, token_budget, 150)
            for token_budget in (500, 250)
            for conversation_id in (short, long)
        ]
    # The window function reads one row more than requested, in each of the two reads.
    for plan, kept, most_read in zip(plans, (100, 100, 50, 50), (152, 152, 65, 65), strict=True):
        read = scans(plan)
        # Tables of a page or two may be read whole.
        assert "seq messages" not in read, read
        assert read["messages_instructions_idx"] == 1
        assert read["messages_pkey"] <= most_read
        assert plan["Plan"]["Actual Rows"] == kept
    for short_plan, long_plan in (plans[:2], plans[2:]):
        assert pages(long_plan) <= 1.5 * pages(short_plan), "the longer conversation may only add a level to the index"


async def test_recent_messages_cost_the_same_however_long_the_conversations_are(tenant: Tenant) -> None:
    async with direct_connection(tenant.service) as connection:
        await fill(connection, tenant, 5, 4_000)
        await fill(connection, tenant, 5, 20)
        await connection.execute("vacuum analyze messages, conversations, conversation_documents")
        plan = await plan_of(connection, "conversations/list_with_recent", UUID(tenant.id), None, 10, 5)
    read = scans(plan)
    # Each message is read twice, for its size and its content; the preceding one is read to find the end.
    assert read["messages_pkey"] <= 10 * (2 * 5 + 1)
    assert "seq messages" not in read
