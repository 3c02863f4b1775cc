"""Vector stores."""

from __future__ import annotations

import re
from typing import Any

import openai
import pytest

from tests.clients.openai.api import Api, collected
from tests.clients.openai.stored import filled_store, stored

NEVER = "vs_" + "0" * 32


async def test_a_vector_store_is_created(api: Api) -> None:
    made = await api.vector_stores.create(name="Astronomie ★", metadata={"a": "1"}, description="Stars")

    assert re.fullmatch(r"vs_[0-9a-f]{32}", made.id)
    assert (made.object, made.name, made.metadata) == ("vector_store", "Astronomie ★", {"a": "1"})
    assert (made.status, made.usage_bytes, made.expires_after) == ("completed", 0, None)
    assert made.file_counts.to_dict() == {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}
    assert made.last_active_at is not None
    assert await api.vector_stores.retrieve(made.id) == made


async def test_a_vector_store_is_created_with_files(api: Api) -> None:
    ids = [await stored(api), await stored(api)]

    made = await api.vector_stores.create(file_ids=ids)

    assert made.file_counts.total == 2
    files = await collected(api.vector_stores.files.list(made.id, order="asc"))
    assert {file.id for file in files} == {*ids}


async def test_no_vector_store_is_created_with_an_unknown_file(api: Api) -> None:
    before = len(await collected(api.vector_stores.list()))
    with pytest.raises(openai.NotFoundError) as error:
        await api.vector_stores.create(file_ids=[await stored(api), "file-" + "0" * 32])
    assert (error.value.param or "").startswith("file_ids")
    assert len(await collected(api.vector_stores.list())) == before


async def test_a_vector_store_is_changed(api: Api) -> None:
    made = await api.vector_stores.create(name="a", metadata={"a": "1"})
    expiry = {"anchor": "last_active_at", "days": 3}

    changed = await api.vector_stores.update(made.id, name="b", expires_after=expiry)
    removed = await api.vector_stores.update(made.id, name=None, expires_after=None, metadata=None)

    assert (changed.name, changed.metadata) == ("b", {"a": "1"})
    assert changed.expires_after is not None
    assert changed.expires_after.days == 3
    assert changed.expires_at - changed.last_active_at == 3 * 86_400
    assert (removed.name, removed.metadata, removed.expires_after, removed.expires_at) == ("", {}, None, None)


async def test_a_vector_store_expires_after_its_last_use(api: Api) -> None:
    made = await api.vector_stores.create(expires_after={"anchor": "last_active_at", "days": 1})

    assert made.expires_after is not None
    assert (made.expires_after.anchor, made.expires_after.days) == ("last_active_at", 1)
    assert made.expires_at == made.last_active_at + 86_400


async def test_a_deleted_vector_store_is_gone_and_its_files_stay(api: Api) -> None:
    store, ids = await filled_store(api)

    deleted = await api.vector_stores.delete(store)

    assert (deleted.id, deleted.object, deleted.deleted) == (store, "vector_store.deleted", True)
    file_id = ids["moon.txt"]
    for gone in (
        api.vector_stores.retrieve(store),
        api.vector_stores.update(store, name="b"),
        api.vector_stores.delete(store),
        api.vector_stores.search(store, query="a"),
        api.vector_stores.files.list(store),
        api.vector_stores.files.retrieve(file_id, vector_store_id=store),
        api.vector_stores.files.create(store, file_id=file_id),
        api.vector_stores.file_batches.create(store, file_ids=[file_id]),
    ):
        with pytest.raises(openai.NotFoundError) as error:
            await gone
        assert error.value.code == "not_found"
    assert (await api.files.retrieve(file_id)).id == file_id


@pytest.mark.parametrize("id_", [NEVER, "vs_1", "file-" + "0" * 32])
async def test_an_unknown_vector_store_is_404(api: Api, id_: str) -> None:
    with pytest.raises(openai.NotFoundError, match="no such vector store"):
        await api.vector_stores.retrieve(id_)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "a" * 256}, "name"),
        ({"name": "a\0"}, "name"),
        ({"metadata": {f"k{n}": "" for n in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"expires_after": {"anchor": "last_active_at", "days": 0}}, "expires_after.days"),
        ({"expires_after": {"anchor": "last_active_at", "days": 366}}, "expires_after.days"),
        ({"expires_after": {"anchor": "created_at", "days": 1}}, "expires_after.anchor"),
        ({"file_ids": ["file-" + "0" * 32] * 501}, "file_ids"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"chunking_strategy": {"type": "static"}}, "chunking_strategy.static"),
        (
            {
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 401},
                }
            },
            "chunking_strategy.static.chunk_overlap_tokens",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_wrong_field_is_400(api: Api, body: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.vector_stores.create(**body)
    assert error.value.param == param
    assert error.value.type == "invalid_request_error"


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_vector_stores_are_listed_in_pages_of_any_size(api: Api, order: str, limit: int) -> None:
    ids = [(await api.vector_stores.create()).id for _ in range(3)]

    found = [store.id async for store in api.vector_stores.list(order=order, limit=limit)]

    assert [id_ for id_ in found if id_ in ids] == (ids if order == "asc" else ids[::-1])
    assert len(set(found)) == len(found)


async def test_a_list_has_its_ends_and_continues_after_a_deleted_store(api: Api) -> None:
    ids = [(await api.vector_stores.create()).id for _ in range(4)]
    page = await api.vector_stores.list(order="asc", after=ids[0], limit=2)
    await api.vector_stores.delete(ids[2])

    following = await api.vector_stores.list(order="asc", after=ids[2], limit=1)

    assert ([store.id for store in page.data], page.has_more) == (ids[1:3], True)
    assert (page.to_dict()["first_id"], page.to_dict()["last_id"]) == (ids[1], ids[2])
    assert [store.id for store in following.data] == [ids[3]]


async def test_before_limits_a_list(api: Api) -> None:
    ids = [(await api.vector_stores.create()).id for _ in range(3)]

    ascending = await api.vector_stores.list(order="asc", after=ids[0], before=ids[2])
    newest = await api.vector_stores.list(before=ids[1], limit=100)

    assert [store.id for store in ascending.data] == [ids[1]]
    assert ids[2] in [store.id for store in newest.data]
    assert ids[1] not in [store.id for store in newest.data]


@pytest.mark.parametrize(
    ("query", "param"),
    [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"order": "up"}, "order"), ({"after": "vs_x"}, "after")],
)
async def test_a_wrong_query_is_400(api: Api, query: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.vector_stores.list(**query)
    assert error.value.param == param


async def test_another_user_sees_no_vector_store(api: Api, stranger: Api) -> None:
    store, ids = await filled_store(api)
    file_id = ids["moon.txt"]
    own = await stranger.vector_stores.create()

    for hidden in (
        stranger.vector_stores.retrieve(store),
        stranger.vector_stores.delete(store),
        stranger.vector_stores.search(store, query="Moon"),
        stranger.vector_stores.files.list(store),
        stranger.vector_stores.files.content(file_id, vector_store_id=store),
        stranger.vector_stores.files.create(own.id, file_id=file_id),
        stranger.vector_stores.create(file_ids=[file_id]),
    ):
        with pytest.raises(openai.NotFoundError):
            await hidden
    assert store not in [each.id async for each in stranger.vector_stores.list()]
