"""Batches in which a file occurs several times."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from tests.clients.openai.api import Api, collected
from tests.clients.openai.stored import BREAD, MOON, stored


def static(size: int) -> dict[str, Any]:
    return {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": 0}}


async def test_a_file_that_a_batch_repeats_is_added_once(api: Api) -> None:
    store, moon, bread = (await api.vector_stores.create()).id, await stored(api), await stored(api, BREAD)
    files: list[dict[str, Any]] = [
        {"file_id": moon, "attributes": {"n": 1}},
        {"file_id": bread, "attributes": {"n": 2}},
        {"file_id": moon, "attributes": {"n": 3}},
        {"file_id": bread},
    ]

    batch = await api.vector_stores.file_batches.create_and_poll(store, files=files)

    assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 2, 2)
    listed = await collected(api.vector_stores.files.list(store, order="asc"))
    assert [(file.id, file.attributes) for file in listed] == [(moon, {"n": 3}), (bread, {"n": 2})]


async def test_the_last_strategy_of_a_repeated_file_is_used(api: Api) -> None:
    store, moon = (await api.vector_stores.create()).id, await stored(api)
    files: list[dict[str, Any]] = [
        {"file_id": moon, "chunking_strategy": static(200)},
        {"file_id": moon, "chunking_strategy": static(100)},
        {"file_id": moon, "chunking_strategy": {"type": "auto"}},
    ]

    await api.vector_stores.file_batches.create_and_poll(store, files=files)

    [only] = await collected(api.vector_stores.files.list(store))
    assert only.chunking_strategy.to_dict() == static(100)


async def test_a_vector_store_is_created_with_a_repeated_file_once(api: Api) -> None:
    moon = await stored(api)
    store = await api.vector_stores.create(file_ids=[moon, moon])
    assert store.file_counts.total == 1


async def test_an_error_names_the_place_in_the_given_list(api: Api, native: httpx.AsyncClient) -> None:
    store, moon = (await api.vector_stores.create()).id, await stored(api)
    body = {"filename": "own.txt", "chunks": [{"content": MOON.decode()}]}
    own = "file-" + (await native.post("/documents", json=body)).json()["id"].replace("-", "")

    async def param(kind: type[openai.APIStatusError], **body: Any) -> str | None:
        with pytest.raises(kind) as error:
            await api.vector_stores.file_batches.create(store, **body)
        return error.value.param

    assert await param(openai.NotFoundError, file_ids=[moon, moon, "file-1"]) == "file_ids[2]"
    wrong = [{"file_id": moon}, {"file_id": moon, "attributes": {"a": 1e300}}, {"file_id": moon, "attributes": {}}]
    assert await param(openai.BadRequestError, files=wrong) == "files[1].attributes.a"
    split = [{"file_id": moon}, {"file_id": own}, {"file_id": own, "chunking_strategy": static(100)}]
    assert await param(openai.BadRequestError, files=split) == "files[2].chunking_strategy"
    assert await collected(api.vector_stores.files.list(store)) == []
