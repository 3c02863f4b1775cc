"""The items of a conversation: storing, listing and refusing them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest

from tests.clients.openai.api import Api, collected
from tests.clients.openai.item_forms import answers, forms
from tests.clients.openai.item_samples import CALL, ITEMS, WRONG


def fields_of(item: Any) -> dict[str, Any]:
    found: dict[str, Any] = item.to_dict(mode="json")
    return found


async def test_an_item_of_each_kind_is_answered_listed_and_retrieved_whole(api: Api, talk: str) -> None:
    for name, (sent, besides) in ITEMS.items():
        [made] = (await api.conversations.items.create(talk, items=[sent])).data
        [listed] = (await api.conversations.items.list(talk, limit=1)).data
        retrieved = await api.conversations.items.retrieve(made.id, conversation_id=talk)

        fields = fields_of(made)
        assert fields == fields_of(listed) == fields_of(retrieved), name
        assert {field: fields[field] for field in {**sent, **besides}} == {**sent, **besides}, name


async def test_every_form_of_an_item_is_taken_and_answered_as_the_sdk_declares(api: Api, talk: str) -> None:
    items, declared = [*forms()], answers()
    for first in range(0, len(items), 20):
        await api.conversations.items.create(talk, items=items[first : first + 20])

    listed = [item.to_dict() async for item in api.conversations.items.list(talk, order="asc", limit=100)]

    assert len(listed) == len(items)
    for sent, item in zip(items, listed, strict=True):
        declared.validate_json(json.dumps(item), strict=True)
        assert {name for name, value in sent.items() if value is not None} <= set(item)


async def test_ids_have_the_prefixes_of_the_kinds(api: Api, talk: str) -> None:
    kinds = {"text": "msg_", "call": "fc_", "output": "fco_", "reasoning without id": "rs_", "custom tool": "ctc_"}

    made = await api.conversations.items.create(talk, items=[ITEMS[name][0] for name in kinds])

    assert [item.id[: len(prefix)] for item, prefix in zip(made.data, kinds.values(), strict=True)] == [*kinds.values()]
    assert len({item.id for item in made.data}) == len(kinds)


async def test_created_items_are_a_list(api: Api, talk: str) -> None:
    made = await api.conversations.items.create(talk, items=[{"role": "user", "content": str(n)} for n in range(20)])

    assert (made.object, made.has_more) == ("list", False)
    assert (made.first_id, made.last_id) == (made.data[0].id, made.data[-1].id)
    assert [item.content[0].text for item in made.data] == [str(n) for n in range(20)]


async def test_no_item_is_created_from_an_empty_list(api: Api, talk: str) -> None:
    made = await api.conversations.items.create(talk, items=[])

    assert (made.data, made.has_more, made.first_id) == ([], False, "")


async def test_twenty_items_are_taken_and_no_more(api: Api, talk: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.items.create(talk, items=[CALL] * 21)
    assert error.value.param == "items"
    assert await collected(api.conversations.items.list(talk)) == []


async def test_a_wrong_item_is_400_and_none_is_stored(api: Api, talk: str) -> None:
    for name, (item, param) in WRONG.items():
        with pytest.raises(openai.BadRequestError) as error:
            await api.conversations.items.create(talk, items=[item])
        assert (name, error.value.param) == (name, param)
        assert error.value.type == "invalid_request_error"
    assert await collected(api.conversations.items.list(talk)) == []


async def test_all_items_are_stored_or_none(api: Api, talk: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.items.create(talk, items=[CALL, {"type": "reasoning"}])
    assert error.value.param == "items[1].summary"
    assert await collected(api.conversations.items.list(talk)) == []


async def test_an_id_of_the_client_is_taken_once(api: Api, talk: str) -> None:
    own = {"id": "msg_own", "role": "user", "content": "a"}
    await api.conversations.items.create(talk, items=[own])

    for items in ([own], [{**CALL, "id": "fc_twice"}] * 2):
        with pytest.raises(openai.BadRequestError) as error:
            await api.conversations.items.create(talk, items=items)
        assert error.value.code == "duplicate_item"
    elsewhere = await api.conversations.create(items=[own])
    assert (await api.conversations.items.retrieve("msg_own", conversation_id=elsewhere.id)).id == "msg_own"


async def test_a_copy_of_an_item_gets_an_id_of_its_own(api: Api, talk: str) -> None:
    [made] = (await api.conversations.items.create(talk, items=[CALL])).data

    [again] = (await api.conversations.items.create(talk, items=[fields_of(made)])).data

    assert again.id != made.id
    assert {**fields_of(again), "id": ""} == {**fields_of(made), "id": ""}


async def test_a_deleted_item_is_gone_and_the_others_stay(api: Api, talk: str) -> None:
    made = (await api.conversations.items.create(talk, items=[CALL, {**CALL, "id": "fc_own"}, CALL])).data

    for item in made[:2]:
        answer = await api.conversations.items.delete(item.id, conversation_id=talk)
        assert (answer.id, answer.object) == (talk, "conversation")

    assert [item.id for item in await collected(api.conversations.items.list(talk))] == [made[2].id]
    for item in made[:2]:
        for gone in (api.conversations.items.retrieve, api.conversations.items.delete):
            with pytest.raises(openai.NotFoundError):
                await gone(item.id, conversation_id=talk)


async def test_the_place_of_a_deleted_item_is_not_given_out_again(
    api: Api, talk: str, native: httpx.AsyncClient
) -> None:
    made = (await api.conversations.items.create(talk, items=[CALL, CALL])).data
    await api.conversations.items.delete(made[1].id, conversation_id=talk)

    [new] = (await api.conversations.items.create(talk, items=[CALL])).data

    assert new.id != made[1].id
    after_deleted = await collected(api.conversations.items.list(talk, order="asc", after=made[1].id))
    assert [item.id for item in after_deleted] == [new.id]
    messages = (await native.get(f"/conversations/{talk[5:]}/messages")).json()["data"]
    assert [message["position"] for message in messages] == [1, 3]


@pytest.mark.parametrize("id_", ["msg_never", "msg_" + "0" * 46, "x", "msg_" + "f" * 46])
async def test_an_unknown_item_is_404(api: Api, talk: str, id_: str) -> None:
    with pytest.raises(openai.NotFoundError, match="no such item"):
        await api.conversations.items.retrieve(id_, conversation_id=talk)
    with pytest.raises(openai.NotFoundError, match="no such item"):
        await api.conversations.items.delete(id_, conversation_id=talk)


async def test_an_item_of_another_conversation_is_404(api: Api, talk: str) -> None:
    other = await api.conversations.create(items=[CALL])
    [item] = await collected(api.conversations.items.list(other.id))
    with pytest.raises(openai.NotFoundError):
        await api.conversations.items.retrieve(item.id, conversation_id=talk)


async def test_include_is_accepted_and_unknown_values_are_400(api: Api, talk: str) -> None:
    sent = ITEMS["reasoning"][0]
    include = ["reasoning.encrypted_content", "message.output_text.logprobs"]

    [made] = (await api.conversations.items.create(talk, items=[sent], include=include)).data
    [listed] = await collected(api.conversations.items.list(talk, include=include))
    retrieved = await api.conversations.items.retrieve(made.id, conversation_id=talk, include=include)

    assert made.encrypted_content == listed.encrypted_content == retrieved.encrypted_content == "gAAA="
    with pytest.raises(openai.BadRequestError) as error:
        await api.conversations.items.list(talk, include=["everything"])
    assert (error.value.param or "").startswith("include")
