"""Conversations."""

from __future__ import annotations

import re
import time

import httpx
import openai
import pytest

from tests.clients.openai.api import Api, collected

HELLO = {"type": "message", "role": "user", "content": "Hello, Köln 🎉"}
NEVER = "conv_" + "0" * 32


async def test_a_conversation_has_an_id_a_time_and_metadata(api: Api) -> None:
    made = await api.conversations.create(metadata={"topic": "the Moon"})

    assert re.fullmatch(r"conv_[0-9a-f]{32}", made.id)
    assert made.object == "conversation"
    assert abs(made.created_at - time.time()) < 60
    assert made.metadata == {"topic": "the Moon"}


async def test_a_conversation_without_metadata_has_none(api: Api) -> None:
    assert (await api.conversations.create()).metadata == {}
    assert (await api.conversations.create(metadata=None, items=None)).metadata == {}


async def test_a_conversation_is_created_with_its_first_items(api: Api) -> None:
    made = await api.conversations.create(items=[HELLO, {"role": "assistant", "content": "Hi."}])

    items = await collected(api.conversations.items.list(made.id, order="asc"))
    assert [item.role for item in items] == ["user", "assistant"]
    assert items[0].content[0].text == HELLO["content"]


async def test_a_conversation_is_retrieved(api: Api) -> None:
    made = await api.conversations.create(metadata={"a": "1"})

    assert await api.conversations.retrieve(made.id) == made


async def test_metadata_is_replaced_as_a_whole(api: Api) -> None:
    made = await api.conversations.create(metadata={"a": "1", "b": "2"})

    changed = await api.conversations.update(made.id, metadata={"c": "ä"})

    assert changed.id == made.id
    assert changed.metadata == {"c": "ä"}
    assert (await api.conversations.retrieve(made.id)).metadata == {"c": "ä"}


async def test_metadata_is_removed_by_null(api: Api) -> None:
    made = await api.conversations.create(metadata={"a": "1"})

    assert (await api.conversations.update(made.id, metadata=None)).metadata == {}


async def test_a_deleted_conversation_is_gone_with_its_items(api: Api) -> None:
    made = await api.conversations.create(items=[HELLO])
    [item] = await collected(api.conversations.items.list(made.id))

    deleted = await api.conversations.delete(made.id)

    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "conversation.deleted", True)
    for gone in (
        api.conversations.retrieve(made.id),
        api.conversations.update(made.id, metadata={}),
        api.conversations.delete(made.id),
        api.conversations.items.list(made.id),
        api.conversations.items.create(made.id, items=[HELLO]),
        api.conversations.items.retrieve(item.id, conversation_id=made.id),
    ):
        with pytest.raises(openai.NotFoundError) as error:
            await gone
        assert error.value.code == "not_found"
        assert error.value.type == "invalid_request_error"


@pytest.mark.parametrize("id_", [NEVER, "conv_123", "vs_" + "0" * 32, "x", "conv_" + "0" * 31 + "ü"])
async def test_an_unknown_conversation_is_404(api: Api, id_: str) -> None:
    with pytest.raises(openai.NotFoundError, match="no such conversation"):
        await api.conversations.retrieve(id_)


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ({f"k{n}": "" for n in range(17)}, "metadata"),
        ({"k" * 65: ""}, "metadata." + "k" * 65),
        ({"k": "v" * 513}, "metadata.k"),
        ({"k": 1}, "metadata.k"),
        ({"k": "\0"}, "metadata.k"),
    ],
    ids=["pairs", "key", "value", "number", "nul"],
)
async def test_metadata_beyond_its_limits_is_400(api: Api, metadata: object, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.create(metadata=metadata)
    assert error.value.param == param


async def test_metadata_at_its_limits_is_kept(api: Api) -> None:
    metadata = {f"{n:064}": "ü" * 512 for n in range(16)}

    assert (await api.conversations.create(metadata=metadata)).metadata == metadata


async def test_a_failed_creation_leaves_no_conversation(api: Api, native: httpx.AsyncClient) -> None:
    before = (await native.get("/conversations?count=true")).json()["count"]
    for wrong in ([{"role": "user"}], [HELLO] * 21, [{**HELLO, "id": "msg_a"}] * 2):
        with pytest.raises(openai.BadRequestError):
            await api.conversations.create(items=wrong)
    assert (await native.get("/conversations?count=true")).json()["count"] == before


async def test_an_unknown_parameter_is_400(api: Api) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.create(extra_body={"colour": "red"})
    assert error.value.param == "colour"


async def test_an_update_needs_metadata(api: Api) -> None:
    made = await api.conversations.create()
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.update(made.id, metadata=openai.omit)
    assert error.value.param == "metadata"


async def test_another_user_sees_no_conversation(api: Api, stranger: Api) -> None:
    made = await api.conversations.create(items=[HELLO])
    [item] = await collected(api.conversations.items.list(made.id))

    for hidden in (
        stranger.conversations.retrieve(made.id),
        stranger.conversations.update(made.id, metadata={}),
        stranger.conversations.delete(made.id),
        stranger.conversations.items.list(made.id),
        stranger.conversations.items.create(made.id, items=[HELLO]),
        stranger.conversations.items.retrieve(item.id, conversation_id=made.id),
        stranger.conversations.items.delete(item.id, conversation_id=made.id),
    ):
        with pytest.raises(openai.NotFoundError):
            await hidden
    assert [each.id for each in await collected(api.conversations.items.list(made.id))] == [item.id]
