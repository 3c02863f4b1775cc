"""Lists of items: order, pages and cursors."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.clients.openai.api import Api, collected

COUNT = 7


async def filled(api: Api, talk: str, count: int = COUNT) -> list[str]:
    """The ids of items that are added to a conversation, oldest first."""
    items = [{"role": "user", "content": str(number)} for number in range(count)]
    return [item.id for item in (await api.conversations.items.create(talk, items=items)).data]


async def test_items_are_listed_newest_first_unless_asked_otherwise(api: Api, talk: str) -> None:
    ids = await filled(api, talk)

    page = await api.conversations.items.list(talk)
    descending = await collected(api.conversations.items.list(talk, order="desc"))
    ascending = await collected(api.conversations.items.list(talk, order="asc"))

    assert [item.id for item in page.data] == [item.id for item in descending] == ids[::-1]
    assert [item.id for item in ascending] == ids
    assert (page.has_more, page.last_id) == (False, ids[0])
    assert page.to_dict()["first_id"] == ids[-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_of_any_size_have_each_item_once(api: Api, talk: str, order: str, limit: int) -> None:
    ids = await filled(api, talk)

    found = await collected(api.conversations.items.list(talk, order=order, limit=limit))

    assert [item.id for item in found] == (ids if order == "asc" else ids[::-1])


async def test_twenty_items_are_a_page(api: Api, talk: str) -> None:
    await filled(api, talk, 20)
    await filled(api, talk, 3)

    page = await api.conversations.items.list(talk)

    assert (len(page.data), page.has_more) == (20, True)


async def test_has_more_is_false_on_a_last_page_that_is_full(api: Api, talk: str) -> None:
    ids = await filled(api, talk, 4)

    page = await api.conversations.items.list(talk, limit=2, after=ids[2])

    assert [item.id for item in page.data] == [ids[1], ids[0]]
    assert page.has_more is False


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_list_continues_after_an_item_that_was_deleted(api: Api, talk: str, order: str) -> None:
    ids = await filled(api, talk)
    if order == "desc":
        ids = ids[::-1]
    page = await api.conversations.items.list(talk, order=order, limit=3)
    await api.conversations.items.delete(ids[2], conversation_id=talk)

    following = await api.conversations.items.list(talk, order=order, after=page.last_id)

    assert [item.id for item in following.data] == ids[3:]


async def test_items_that_arrive_meanwhile_are_on_the_next_page(api: Api, talk: str) -> None:
    ids = await filled(api, talk, 2)
    page = await api.conversations.items.list(talk, order="asc", limit=2)
    new = await filled(api, talk, 1)

    following = await api.conversations.items.list(talk, order="asc", after=page.last_id)

    assert page.last_id == ids[-1]
    assert [item.id for item in following.data] == new


async def test_a_list_continues_after_an_id_of_the_client(api: Api, talk: str) -> None:
    await api.conversations.items.create(talk, items=[{"id": "msg_own", "role": "user", "content": "a"}])
    ids = await filled(api, talk, 2)

    following = await collected(api.conversations.items.list(talk, order="asc", limit=1))
    after = await collected(api.conversations.items.list(talk, order="asc", after="msg_own"))

    assert [item.id for item in following] == ["msg_own", *ids]
    assert [item.id for item in after] == ids


async def test_after_the_last_item_there_is_nothing(api: Api, talk: str) -> None:
    ids = await filled(api, talk, 2)

    page = await api.conversations.items.list(talk, order="asc", after=ids[-1])

    assert (page.data, page.has_more, page.last_id) == ([], False, None)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"order": "up"}, "order"),
        ({"after": "msg_never"}, "after"),
        ({"extra_query": {"colour": "red"}}, "colour"),
        ({"extra_query": {"order": ["asc", "desc"]}}, "order[]"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
async def test_a_wrong_query_is_400(api: Api, talk: str, query: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.items.list(talk, **query)
    assert error.value.param == param


async def test_long_items_are_listed_in_pages_of_bounded_size(api: Api, talk: str) -> None:
    # A refusal is neither embedded nor counted, which would take seconds.
    long = [{"role": "assistant", "content": [{"type": "refusal", "refusal": "ü" * 400_000}]}] * 4
    for _ in range(3):
        await api.conversations.items.create(talk, items=long)

    page = await api.conversations.items.list(talk, limit=100)
    found = await collected(api.conversations.items.list(talk, limit=100))

    assert 1 <= len(page.data) < 12
    assert page.has_more
    assert len({item.id for item in found}) == len(found) == 12
