"""The files of a vector store, and batches of them."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import openai
import pytest

from tests.clients.openai.api import Api, collected
from tests.clients.openai.stored import BREAD, MOON, PARCEL, filled_store, stored

NEVER = "file-" + "0" * 32
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def new_store(api: Api) -> str:
    return str((await api.vector_stores.create()).id)


async def test_a_file_is_added_and_read(api: Api) -> None:
    store, file_id = await new_store(api), await stored(api)

    made = await api.vector_stores.files.create(
        store, file_id=file_id, attributes={"year": 2026, "new": True, "by": "ü"}
    )
    read = await api.vector_stores.files.poll(file_id, vector_store_id=store)

    assert (made.id, made.object, made.vector_store_id) == (file_id, "vector_store.file", store)
    assert made.attributes == {"year": 2026, "new": True, "by": "ü"}
    assert (read.status, read.usage_bytes, read.last_error) == ("completed", len(MOON), None)
    assert read.chunking_strategy is not None
    assert read.chunking_strategy.type == "static"
    counts = (await api.vector_stores.retrieve(store)).file_counts
    assert (counts.completed, counts.in_progress, counts.total) == (1, 0, 1)


@pytest.mark.parametrize("name", ["create_and_poll", "upload_and_poll"])
async def test_the_helpers_of_files_do_not_sleep_a_second(api: Api, name: str) -> None:
    store = await new_store(api)
    begin = time.monotonic()
    if name == "create_and_poll":
        file = await api.vector_stores.files.create_and_poll(await stored(api), vector_store_id=store)
    else:
        file = await api.vector_stores.files.upload_and_poll(vector_store_id=store, file=("moon.txt", MOON))

    assert file.status == "completed"
    assert time.monotonic() - begin < 30
    answer = await api.vector_stores.files.with_raw_response.retrieve(file.id, vector_store_id=store)
    assert "openai-poll-after-ms" not in answer.headers


async def test_the_header_says_when_to_ask_again(api: Api) -> None:
    store = await new_store(api)
    answer = await api.vector_stores.files.with_raw_response.create(store, file_id=await stored(api))

    assert 0 < int(answer.headers["openai-poll-after-ms"]) < 1000


async def test_the_upload_helper_adds_a_file(api: Api) -> None:
    store = await new_store(api)

    made = await api.vector_stores.files.upload(vector_store_id=store, file=("moon.txt", MOON))

    assert made.vector_store_id == store
    assert (await api.files.retrieve(made.id)).filename == "moon.txt"


async def test_a_file_that_cannot_be_read_fails(api: Api) -> None:
    store, file_id = await new_store(api), await stored(api, PICTURE, "data.png", purpose="user_data")

    read = await api.vector_stores.files.create_and_poll(file_id, vector_store_id=store)

    assert read.status == "failed"
    assert read.last_error is not None
    assert read.last_error.code in ("unsupported_file", "invalid_file")
    assert read.last_error.message
    assert (await api.vector_stores.retrieve(store)).file_counts.failed == 1


async def test_attributes_are_replaced_as_a_whole(api: Api) -> None:
    store, ids = await filled_store(api, moon={"a": 1, "b": "x"})
    file_id = ids["moon.txt"]

    changed = await api.vector_stores.files.update(file_id, vector_store_id=store, attributes={"c": 1.5})
    removed = await api.vector_stores.files.update(file_id, vector_store_id=store, attributes=None)

    assert (changed.id, changed.attributes, removed.attributes) == (file_id, {"c": 1.5}, {})


async def test_a_file_that_is_added_again_keeps_its_attributes_unless_others_are_sent(api: Api) -> None:
    store, ids = await filled_store(api, moon={"a": 1})
    file_id = ids["moon.txt"]

    async def attributes(**fields: Any) -> Any:
        return (await api.vector_stores.files.create(store, file_id=file_id, **fields)).attributes

    assert [await attributes(), await attributes(attributes=None)] == [{"a": 1}, {"a": 1}]
    assert await attributes(attributes={"b": 2}) == {"b": 2}
    assert [await attributes(attributes={}), await attributes()] == [{}, {}]
    await api.vector_stores.file_batches.create(store, file_ids=[file_id], attributes={"c": 3})
    await api.vector_stores.file_batches.create(store, files=[{"file_id": file_id}])
    kept = await api.vector_stores.files.retrieve(file_id, vector_store_id=store)
    await api.vector_stores.file_batches.create(store, files=[{"file_id": file_id, "attributes": {}}])
    removed = await api.vector_stores.files.retrieve(file_id, vector_store_id=store)
    assert (kept.attributes, removed.attributes) == ({"c": 3}, {})


@pytest.mark.parametrize(
    "attributes",
    [{f"k{n}": 1 for n in range(17)}, {"k" * 65: 1}, {"k": "v" * 513}, {"k": [1]}, {"k": {"a": 1}}, {"k": "a\0"}],
    ids=["pairs", "key", "value", "list", "object", "nul"],
)
async def test_wrong_attributes_are_400(api: Api, attributes: dict[str, Any]) -> None:
    store = await new_store(api)
    with pytest.raises(openai.BadRequestError) as error:
        await api.vector_stores.files.create(store, file_id=await stored(api), attributes=attributes)
    assert (error.value.param or "").startswith("attributes")
    assert await collected(api.vector_stores.files.list(store)) == []


def static(size: int, overlap: int) -> dict[str, Any]:
    return {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}}


async def test_a_static_strategy_splits_the_file_and_auto_keeps_its_chunks(api: Api) -> None:
    words = " ".join(f"Crater {number} is {number % 7} km deep." for number in range(300)).encode()
    file_id, store = await stored(api, words, "craters.txt"), await new_store(api)

    async def results(strategy: Any) -> tuple[int, dict[str, Any]]:
        options = {} if strategy is None else {"chunking_strategy": strategy}
        added = await api.vector_stores.files.create_and_poll(file_id, vector_store_id=store, **options)
        assert added.status == "completed", added.last_error
        found = await api.vector_stores.search(store, query="How deep is a crater?", max_num_results=50)
        return len(found.data), added.chunking_strategy.to_dict()

    # Each makes another reading of the same file; the second also stops a reading that has begun.
    assert (await results(None))[1] == static(800, 400)
    large = await results(static(4096, 2048))
    await api.vector_stores.files.create(store, file_id=file_id, chunking_strategy=static(300, 0))
    small = await results(static(100, 50))
    kept = await results({"type": "auto"})

    assert large == (1, static(4096, 2048))
    assert small == kept
    assert small[1] == static(100, 50)
    assert small[0] == 50


async def test_stores_and_batches_split_the_files_that_they_are_created_with(api: Api) -> None:
    ids = [await stored(api, MOON, f"{number}.txt") for number in range(4)]
    store = await api.vector_stores.create(file_ids=ids[:1], chunking_strategy=static(200, 100))
    batches: list[dict[str, Any]] = [
        {"file_ids": ids[1:2], "chunking_strategy": static(4096, 0)},
        {
            "files": [
                {"file_id": ids[2], "chunking_strategy": static(100, 0)},
                {"file_id": ids[3], "chunking_strategy": {"type": "auto"}},
            ],
            "chunking_strategy": static(150, 0),
        },
    ]
    for batch in batches:
        await api.vector_stores.file_batches.create(store.id, **batch)

    shown = [file async for file in api.vector_stores.files.list(store.id, order="asc")]

    expected = [static(200, 100), static(4096, 0), static(100, 0), static(800, 400)]
    assert [file.chunking_strategy.to_dict() for file in shown] == expected


async def test_wrong_chunking_strategies_are_400(api: Api) -> None:
    store, file_id = await new_store(api), await stored(api)
    wrong = [
        static(99, 0), static(4097, 0), static(800, 401), static(800, -1), {"type": "magic"}, {"type": "static"}, {},
        {"type": "other"}, {"type": "static", "static": {"max_chunk_size_tokens": 800}}, "auto",
        {**static(800, 400), "more": 1},
    ]  # fmt: skip
    for strategy in wrong:
        with pytest.raises(openai.BadRequestError) as error:
            await api.vector_stores.files.create(store, file_id=file_id, chunking_strategy=strategy)
        assert (error.value.param or "").startswith("chunking_strategy"), strategy
        with pytest.raises(openai.BadRequestError) as error:
            files = [{"file_id": file_id, "chunking_strategy": strategy}]
            await api.vector_stores.file_batches.create(store, files=files)
        assert (error.value.param or "").startswith("files[0].chunking_strategy"), strategy
    assert await collected(api.vector_stores.files.list(store)) == []


async def test_a_detached_file_leaves_the_store_and_stays_a_file(api: Api) -> None:
    store, ids = await filled_store(api)
    file_id = ids["moon.txt"]

    deleted = await api.vector_stores.files.delete(file_id, vector_store_id=store)

    assert (deleted.id, deleted.object, deleted.deleted) == (file_id, "vector_store.file.deleted", True)
    for gone in (
        api.vector_stores.files.retrieve(file_id, vector_store_id=store),
        api.vector_stores.files.update(file_id, vector_store_id=store, attributes={}),
        api.vector_stores.files.content(file_id, vector_store_id=store),
        api.vector_stores.files.delete(file_id, vector_store_id=store),
    ):
        with pytest.raises(openai.NotFoundError):
            await gone
    assert file_id not in [file.id async for file in api.vector_stores.files.list(store)]
    assert (await api.vector_stores.retrieve(store)).file_counts.total == 2
    assert (await api.files.retrieve(file_id)).id == file_id


async def test_a_deleted_file_leaves_the_store(api: Api) -> None:
    store, ids = await filled_store(api)

    await api.files.delete(ids["moon.txt"])

    assert ids["moon.txt"] not in [file.id async for file in api.vector_stores.files.list(store)]
    with pytest.raises(openai.NotFoundError):
        await api.vector_stores.files.retrieve(ids["moon.txt"], vector_store_id=store)


@pytest.mark.parametrize("id_", [NEVER, "file-1", "x"])
async def test_an_unknown_file_is_404(api: Api, id_: str) -> None:
    store = await new_store(api)
    for gone in (
        api.vector_stores.files.create(store, file_id=id_),
        api.vector_stores.files.retrieve(id_, vector_store_id=store),
        api.vector_stores.file_batches.create(store, file_ids=[id_]),
        api.vector_stores.file_batches.create(store, files=[{"file_id": id_}]),
    ):
        with pytest.raises(openai.NotFoundError):
            await gone


async def test_the_content_is_the_text_of_the_file(api: Api) -> None:
    long = "\n\n".join(f"Paragraph {n} is about the number {n}. " * 20 for n in range(40))
    store, ids = await filled_store(api, {"long.txt": long.encode(), "moon.txt": MOON})

    texts = [part.text for part in (await api.vector_stores.files.content(ids["long.txt"], vector_store_id=store)).data]
    moon = (await api.vector_stores.files.content(ids["moon.txt"], vector_store_id=store)).data

    assert "".join(texts).split() == long.split()
    assert [(part.type, part.text) for part in moon] == [("text", MOON.decode())]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_files_are_listed_in_pages_of_any_size(api: Api, order: str, limit: int) -> None:
    store, ids = await new_store(api), [await stored(api) for _ in range(3)]
    for id_ in ids:
        await api.vector_stores.files.create(store, file_id=id_)

    found = [file.id async for file in api.vector_stores.files.list(store, order=order, limit=limit)]

    assert found == (ids if order == "asc" else ids[::-1])


async def test_a_list_continues_after_a_file_that_left(api: Api) -> None:
    store, ids = await new_store(api), [await stored(api) for _ in range(4)]
    for id_ in ids:
        await api.vector_stores.files.create(store, file_id=id_)
    page = await api.vector_stores.files.list(store, order="asc", limit=2)
    await api.vector_stores.files.delete(ids[1], vector_store_id=store)
    await api.files.delete(ids[2])

    following = await api.vector_stores.files.list(store, order="asc", after=ids[1])
    between = await api.vector_stores.files.list(store, order="asc", after=ids[0], before=ids[3])

    assert (page.has_more, page.to_dict()["last_id"]) == (True, ids[1])
    assert [file.id for file in following.data] == [ids[3]]
    assert between.data == []


async def test_files_are_listed_by_status(api: Api) -> None:
    store, ids = await filled_store(api, {"moon.txt": MOON, "data.png": PICTURE})

    found = {
        status: [file.id async for file in api.vector_stores.files.list(store, filter=status)]
        for status in ("in_progress", "completed", "failed", "cancelled")
    }

    assert found == {"in_progress": [], "completed": [ids["moon.txt"]], "failed": [ids["data.png"]], "cancelled": []}
    with pytest.raises(openai.BadRequestError) as error:
        await api.vector_stores.files.list(store, filter="lost")
    assert error.value.param == "filter"


async def test_a_batch_of_ids_is_added(api: Api) -> None:
    store, ids = await new_store(api), [await stored(api, text) for text in (MOON, PARCEL, BREAD)]

    made = await api.vector_stores.file_batches.create(store, file_ids=ids, attributes={"a": 1})
    read = await api.vector_stores.file_batches.poll(made.id, vector_store_id=store)
    files = await collected(api.vector_stores.file_batches.list_files(made.id, vector_store_id=store, limit=2))

    assert re.fullmatch(r"vsfb_[0-9a-f]{32}", made.id)
    assert (made.object, made.vector_store_id, made.file_counts.total) == ("vector_store.files_batch", store, 3)
    assert (read.status, read.file_counts.completed, read.file_counts.in_progress) == ("completed", 3, 0)
    assert {file.id for file in files} == {*ids}
    assert all(file.attributes == {"a": 1} for file in files)


@pytest.mark.parametrize("name", ["create_and_poll", "upload_and_poll"])
async def test_the_helpers_of_batches_work(api: Api, name: str) -> None:
    store = await new_store(api)
    if name == "create_and_poll":
        batch = await api.vector_stores.file_batches.create_and_poll(store, file_ids=[await stored(api)])
    else:
        files = [("moon.txt", MOON), ("bread.txt", BREAD)]
        batch = await api.vector_stores.file_batches.upload_and_poll(store, files=files, file_ids=[await stored(api)])

    assert batch.status == "completed"
    assert batch.file_counts.completed == (1 if name == "create_and_poll" else 3)


async def test_a_batch_ends_also_if_a_file_fails(api: Api) -> None:
    store = await new_store(api)
    ids = [await stored(api), await stored(api, PICTURE, "data.png")]

    batch = await api.vector_stores.file_batches.create_and_poll(store, file_ids=ids)

    assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == ("completed", 1, 1)


async def test_a_batch_of_two_thousand_is_taken_and_no_more(api: Api) -> None:
    store, file_id = await new_store(api), await stored(api)
    with pytest.raises(openai.BadRequestError) as error:
        await api.vector_stores.file_batches.create(store, file_ids=[file_id] * 2001)
    assert error.value.param == "file_ids"
    batch = await api.vector_stores.file_batches.create(store, file_ids=[file_id] * 2000)
    assert batch.file_counts.total == 1


@pytest.mark.parametrize(
    "body", [{}, {"file_ids": [], "files": []}, {"file_ids": [NEVER], "files": [{"file_id": NEVER}]}]
)
async def test_a_batch_is_of_ids_or_of_files(api: Api, body: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError):
        await api.vector_stores.file_batches.create(await new_store(api), **body)


async def test_a_batch_is_cancelled(api: Api) -> None:
    store, ids = await new_store(api), [await stored(api) for _ in range(20)]
    made = await api.vector_stores.file_batches.create(store, file_ids=ids)

    cancelled = await api.vector_stores.file_batches.cancel(made.id, vector_store_id=store)

    assert (cancelled.id, cancelled.status, cancelled.file_counts.in_progress) == (made.id, "cancelled", 0)
    assert cancelled.file_counts.cancelled + cancelled.file_counts.completed == 20
    files = await collected(
        api.vector_stores.file_batches.list_files(made.id, vector_store_id=store, filter="cancelled")
    )
    assert len(files) == cancelled.file_counts.cancelled


async def test_an_unknown_batch_is_404(api: Api) -> None:
    store = await new_store(api)
    for name in ("retrieve", "cancel", "list_files"):
        for id_ in ("vsfb_" + "0" * 32, "x"):
            with pytest.raises(openai.NotFoundError, match="no such batch"):
                await getattr(api.vector_stores.file_batches, name)(id_, vector_store_id=store)


async def test_stores_are_collections(api: Api, native: httpx.AsyncClient) -> None:
    store, ids = await filled_store(api)

    collection = (await native.get(f"/collections/{store[3:]}")).json()
    files = (await native.get(f"/collections/{store[3:]}/files")).json()["data"]

    assert (collection["name"], collection["file_counts"]["ready"]) == ("Everything", 3)
    assert {"file-" + file["document_id"].replace("-", "") for file in files} == {*ids.values()}


async def test_the_encoding_that_a_file_declares_is_that_of_its_bytes(api: Api) -> None:
    store, content = await new_store(api), "Свет.".encode("cp1251")
    file = ("light.txt", content, "text/plain; charset=windows-1251")

    made = await api.vector_stores.files.upload_and_poll(vector_store_id=store, file=file)

    read = await api.vector_stores.files.content(made.id, vector_store_id=store)
    assert [part.text for part in read.data] == ["Свет."]
    assert (await api.files.content(made.id)).content == content
