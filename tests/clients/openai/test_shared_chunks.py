"""The chunks of a file in several vector stores, and the counts of a vector store."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import openai
import pytest

from tests.clients.openai.api import Api
from tests.clients.openai.stored import MOON, PARCEL, stored

WORDS = " ".join(f"Crater {number} is {number % 7} km deep." for number in range(200)).encode()
SMALL: dict[str, Any] = {
    "type": "static",
    "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0},
}
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


async def results(api: Api, store: str) -> int:
    return len((await api.vector_stores.search(store, query="How deep is a crater?", max_num_results=50)).data)


async def test_a_strategy_does_not_change_the_chunks_of_another_store(api: Api) -> None:
    file_id, first, second = await stored(api, WORDS, "craters.txt"), *await new_stores(api)
    await api.vector_stores.files.create_and_poll(file_id, vector_store_id=first)
    before = await results(api, first)

    added = await api.vector_stores.files.create_and_poll(file_id, vector_store_id=second, chunking_strategy=SMALL)

    assert (added.id, added.status, added.chunking_strategy.to_dict()) == (file_id, "completed", SMALL)
    small = (await api.vector_stores.search(second, query="How deep is a crater?", max_num_results=50)).data
    assert {result.file_id for result in small} == {file_id}
    assert len(small) > before == await results(api, first)
    third = await api.vector_stores.create(file_ids=[file_id], chunking_strategy=SMALL)
    batch = await api.vector_stores.file_batches.create_and_poll(
        third.id, files=[{"file_id": await stored(api)}, {"file_id": file_id}]
    )
    assert batch.file_counts.completed == 2
    assert await results(api, third.id) == len(small) + 1
    shown = [await api.vector_stores.files.retrieve(file_id, vector_store_id=store) for store in (first, second)]
    assert [file.usage_bytes for file in shown] == [len(WORDS)] * 2
    assert shown[0].chunking_strategy.to_dict()["static"]["max_chunk_size_tokens"] == 800
    await api.vector_stores.files.delete(file_id, vector_store_id=second)
    assert await results(api, second) == 0
    assert await results(api, first) == before
    await api.files.delete(file_id)
    assert [await results(api, store) for store in (first, third.id)] == [0, 1]


async def test_the_strategy_that_a_file_shows_is_taken_in_another_store(api: Api) -> None:
    file_id, first, second = await stored(api, WORDS, "craters.txt"), *await new_stores(api)
    shown = (await api.vector_stores.files.create_and_poll(file_id, vector_store_id=first)).chunking_strategy.to_dict()
    before = await results(api, first)
    entries = [
        {"file_id": file_id, "chunking_strategy": shown},
        {"file_id": await stored(api), "chunking_strategy": SMALL},
    ]

    batch = await api.vector_stores.file_batches.create_and_poll(second, files=entries)
    third = await api.vector_stores.create(file_ids=[file_id], chunking_strategy=shown)

    assert batch.file_counts.completed == 2
    found = {file.id: file.chunking_strategy.to_dict() async for file in api.vector_stores.files.list(second)}
    assert list(found.values()) == [SMALL, shown]
    assert [await results(api, store) for store in (first, third.id)] == [before, before]
    missing = {"file_id": "file-" + "0" * 32, "chunking_strategy": shown}
    with pytest.raises(openai.NotFoundError):
        await api.vector_stores.file_batches.create(second, files=[entries[0], missing])


async def test_the_only_store_of_a_file_splits_it_again(api: Api) -> None:
    file_id, first, second = await stored(api, WORDS, "craters.txt"), *await new_stores(api)
    await api.vector_stores.files.create_and_poll(file_id, vector_store_id=first)
    await api.vector_stores.files.delete(file_id, vector_store_id=first)

    added = await api.vector_stores.files.create_and_poll(file_id, vector_store_id=second, chunking_strategy=SMALL)

    assert added.chunking_strategy.to_dict() == SMALL
    again = await api.vector_stores.files.create_and_poll(file_id, vector_store_id=first, chunking_strategy=SMALL)
    assert (again.status, await results(api, first)) == ("completed", await results(api, second))


async def test_chunks_of_the_client_are_not_split(api: Api, native: httpx.AsyncClient) -> None:
    body = {"filename": "own.txt", "chunks": [{"content": "The Moon is far away."}]}
    document = (await native.post("/documents", json=body)).json()
    file_id, (store, _) = "file-" + document["id"].replace("-", ""), await new_stores(api)

    with pytest.raises(openai.BadRequestError) as error:
        await api.vector_stores.files.create(store, file_id=file_id, chunking_strategy=SMALL)

    assert error.value.code == "chunking_conflict"
    assert (await api.vector_stores.files.create_and_poll(file_id, vector_store_id=store)).status == "completed"


async def test_the_bytes_of_a_store_are_those_of_the_files_that_are_read(api: Api) -> None:
    store, _ = await new_stores(api)
    await api.vector_stores.files.upload_and_poll(vector_store_id=store, file=("moon.txt", MOON))
    await api.vector_stores.files.upload_and_poll(vector_store_id=store, file=("data.png", PICTURE))

    read = await api.vector_stores.retrieve(store)

    assert (read.file_counts.completed, read.file_counts.failed, read.file_counts.total) == (1, 1, 2)
    assert read.usage_bytes == len(MOON)
    assert (await listed(api, store)).usage_bytes == len(MOON)
    await api.vector_stores.files.upload_and_poll(vector_store_id=store, file=("parcel.txt", PARCEL))
    assert (await api.vector_stores.retrieve(store)).usage_bytes == len(MOON) + len(PARCEL)


async def listed(api: Api, store: str) -> Any:
    async for found in api.vector_stores.list():
        if found.id == store:
            return found
    raise AssertionError("the list does not have the vector store")


async def test_a_search_renews_the_expiry_of_a_store(api: Api) -> None:
    made = await api.vector_stores.create(expires_after={"anchor": "last_active_at", "days": 1})
    await asyncio.sleep(2.1)

    await api.vector_stores.search(made.id, query="Moon")

    found = await api.vector_stores.retrieve(made.id)
    assert found.last_active_at > made.last_active_at
    assert found.expires_at == found.last_active_at + 86_400


async def new_stores(api: Api) -> tuple[str, str]:
    return (await api.vector_stores.create()).id, (await api.vector_stores.create()).id
