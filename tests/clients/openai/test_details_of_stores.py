"""Details of vector stores, of their files and batches, and of searches that programs rely on."""

from __future__ import annotations

from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.clients.openai.api import Api, collected
from tests.clients.openai.stored import BREAD, MOON, PARCEL, filled_store, stored

DAY_S = 86_400
LONG = ("The Moon is a stone. " * 2000).encode()


@pytest_asyncio.fixture(scope="module")
async def library(clients: dict[str, Api]) -> tuple[str, dict[str, str]]:
    """A vector store of three files with attributes."""
    attributes: dict[str, Any] = {
        "moon": {"topic": "sky", "year": 1969, "new": False, "größe": "ß"},
        "parcel": {"topic": "post", "year": 2020.5, "new": True},
    }
    return await filled_store(clients["async"], **attributes)


async def test_an_empty_store_has_all_fields(api: Api) -> None:
    store = (await api.vector_stores.create()).to_dict()

    assert store["status"] == "completed"
    assert store["usage_bytes"] == 0
    assert store["file_counts"] == {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}
    assert store["metadata"] in ({}, None)
    assert store["last_active_at"] >= store["created_at"] > 0
    assert {"expires_after", "expires_at", "name"} <= store.keys()
    assert (await api.vector_stores.search(store["id"], query="Moon")).data == []


async def test_the_limits_of_metadata_are_taken_also_in_an_update(api: Api) -> None:
    most = {"k" * 63 + chr(97 + n): "v" * 512 for n in range(16)}
    store = (await api.vector_stores.create(metadata={"a": "b"})).id

    assert (await api.vector_stores.update(store, metadata=most)).metadata == most
    with pytest.raises(openai.BadRequestError):
        await api.vector_stores.update(store, metadata={**most, "one more": ""})
    assert (await api.vector_stores.retrieve(store)).metadata == most
    assert (await api.vector_stores.update(store, name="only the name")).metadata == most


async def test_an_expiry_is_set_changed_and_removed(api: Api) -> None:
    store = (await api.vector_stores.create(name="a")).id
    for days in (1, 365):
        changed = await api.vector_stores.update(store, expires_after={"anchor": "last_active_at", "days": days})
        assert changed.expires_after.days == days
        assert changed.expires_at == changed.last_active_at + days * DAY_S
    removed = await api.vector_stores.update(store, expires_after=None)
    assert (removed.expires_after, removed.expires_at, removed.name) == (None, None, "a")


async def test_pages_are_walked_backwards(api: Api) -> None:
    ids = [(await api.vector_stores.create()).id for _ in range(5)]

    newest = await api.vector_stores.list(limit=2)
    page_before = await api.vector_stores.list(limit=2, order="asc", before=ids[4], after=ids[1])
    iterated = newest.iter_pages()
    first = (await anext(iterated)) if api.is_async else next(iterated)

    assert [store.id for store in newest.data] == [ids[4], ids[3]]
    assert [store.id for store in page_before.data] == [ids[2], ids[3]]
    assert first.data == newest.data
    assert newest.next_page_info() is not None


async def test_attributes_at_their_limits_are_kept(api: Api) -> None:
    most: dict[str, Any] = {"k" * 63 + chr(97 + n): "v" * 512 for n in range(13)}
    most |= {"float": -1.5e-3, "whole": 2**53, "truth": False}
    store, ids = await filled_store(api, {"a.txt": MOON})
    [file_id] = ids.values()

    changed = await api.vector_stores.files.update(file_id, vector_store_id=store, attributes=most)

    assert changed.attributes == most
    assert (await api.vector_stores.files.retrieve(file_id, vector_store_id=store)).attributes == most
    [listed] = await collected(api.vector_stores.files.list(store))
    assert listed.attributes == most


async def test_files_of_a_store_are_walked_both_ways(api: Api) -> None:
    store, ids = await filled_store(api, {f"{n}.txt": MOON + str(n).encode() for n in range(4)})
    listed = [file.id for file in (await api.vector_stores.files.list(store, order="asc")).data]

    assert sorted(listed) == sorted(ids.values())
    newest = await api.vector_stores.files.list(store, limit=3)
    assert [file.id for file in newest.data] == listed[:0:-1]
    assert newest.has_more
    between = await api.vector_stores.files.list(store, order="asc", after=listed[0], before=listed[3])
    assert [file.id for file in between.data] == listed[1:3]
    for query, param in (({"limit": 101}, "limit"), ({"filter": "lost"}, "filter"), ({"after": "x"}, "after")):
        with pytest.raises(openai.BadRequestError) as error:
            await api.vector_stores.files.list(store, **query)
        assert error.value.param == param


async def test_the_content_of_a_long_file_is_whole(api: Api) -> None:
    store, ids = await filled_store(api, {"long.txt": LONG})
    parts = [part.text async for part in api.vector_stores.files.content(ids["long.txt"], vector_store_id=store)]

    assert "".join(parts).split() == LONG.decode().split()


async def test_counts_and_bytes_follow_the_files(api: Api) -> None:
    store, ids = await filled_store(api)
    before = await api.vector_stores.retrieve(store)
    await api.vector_stores.files.delete(ids["moon.txt"], vector_store_id=store)
    after = await api.vector_stores.retrieve(store)

    assert (before.file_counts.completed, before.file_counts.total) == (3, 3)
    assert before.usage_bytes == len(MOON) + len(PARCEL) + len(BREAD)
    assert (after.file_counts.total, after.usage_bytes) == (2, before.usage_bytes - len(MOON))
    assert after.status == "completed"


async def test_a_file_is_in_a_store_once(api: Api) -> None:
    store, file_id = (await api.vector_stores.create()).id, await stored(api)
    for attributes in ({"n": 1}, {"n": 2}):
        await api.vector_stores.files.create_and_poll(file_id, vector_store_id=store, attributes=attributes)

    [only] = await collected(api.vector_stores.files.list(store))
    assert (only.id, only.attributes) == (file_id, {"n": 2})
    assert (await api.vector_stores.retrieve(store)).file_counts.total == 1


async def test_a_batch_of_files_ignores_what_is_for_file_ids(api: Api) -> None:
    store, one, two = (await api.vector_stores.create()).id, await stored(api), await stored(api, BREAD)
    files = [{"file_id": one, "attributes": {"n": 1}}, {"file_id": two}]

    batch = await api.vector_stores.file_batches.create_and_poll(store, files=files, attributes={"n": 9})

    assert (batch.status, batch.file_counts.completed, batch.object) == ("completed", 2, "vector_store.files_batch")
    listed = await api.vector_stores.file_batches.list_files(batch.id, vector_store_id=store, order="asc", limit=1)
    assert [(file.id, file.attributes) for file in listed.data] == [(one, {"n": 1})]
    assert listed.has_more
    done = api.vector_stores.file_batches.list_files(batch.id, vector_store_id=store, filter="completed")
    assert {file.id: file.attributes for file in await collected(done)} == {one: {"n": 1}, two: {}}


async def test_a_batch_belongs_to_its_store(api: Api) -> None:
    store, other = (await api.vector_stores.create()).id, (await api.vector_stores.create()).id
    batch = await api.vector_stores.file_batches.create(store, file_ids=[await stored(api)])
    for wrong in (
        api.vector_stores.file_batches.retrieve(batch.id, vector_store_id=other),
        api.vector_stores.file_batches.cancel(batch.id, vector_store_id=other),
        api.vector_stores.file_batches.list_files(batch.id, vector_store_id=other),
        api.vector_stores.file_batches.create(store, file_ids=["file-" + "0" * 32]),
    ):
        with pytest.raises(openai.NotFoundError):
            await wrong
    assert (await api.vector_stores.file_batches.retrieve(batch.id, vector_store_id=store)).id == batch.id


async def test_a_finished_batch_stays_completed_when_it_is_cancelled(api: Api) -> None:
    store = (await api.vector_stores.create()).id
    batch = await api.vector_stores.file_batches.create_and_poll(store, file_ids=[await stored(api)])

    cancelled = await api.vector_stores.file_batches.cancel(batch.id, vector_store_id=store)

    assert (cancelled.status, cancelled.file_counts.completed) == ("completed", 1)
    assert len((await api.vector_stores.search(store, query="Moon")).data) == 1


async def test_the_upload_helper_of_batches_takes_files_and_ids(api: Api) -> None:
    store, known = (await api.vector_stores.create()).id, await stored(api, BREAD)

    batch = await api.vector_stores.file_batches.upload_and_poll(
        store, files=[("a.txt", MOON), ("b.txt", PARCEL)], file_ids=[known], max_concurrency=2
    )

    assert (batch.file_counts.completed, batch.file_counts.total) == (3, 3)


async def test_a_search_has_all_fields_of_its_page(api: Api, library: tuple[str, dict[str, str]]) -> None:
    store, ids = library
    page = await api.vector_stores.search(store, query="How far away is the Moon?", rewrite_query=True)
    body = (await api.vector_stores.with_raw_response.search(store, query="Moon")).http_response.json()

    best = page.data[0].to_dict()
    assert best.keys() == {"file_id", "filename", "score", "attributes", "content"}
    assert (best["file_id"], best["filename"]) == (ids["moon.txt"], "moon.txt")
    assert best["attributes"] == {"topic": "sky", "year": 1969, "new": False, "größe": "ß"}
    assert best["content"] == [{"type": "text", "text": MOON.decode()}]
    assert body["object"] == "vector_store.search_results.page"
    assert (body["has_more"], body["next_page"]) == (False, None)
    assert body["search_query"] in ("Moon", ["Moon"])
    assert [result.file_id async for result in api.vector_stores.search(store, query="Moon")]


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"type": "eq", "key": "größe", "value": "ß"}, {"moon.txt"}),
    ({"type": "eq", "key": "new", "value": True}, {"parcel.txt"}),
    ({"type": "eq", "key": "year", "value": "1969"}, set()),
    ({"type": "eq", "key": "year", "value": 1969.0}, {"moon.txt"}),
    ({"type": "lt", "key": "year", "value": 2020.6}, {"moon.txt", "parcel.txt"}),
    ({"type": "ne", "key": "topic", "value": "sky"}, {"parcel.txt", "bread.txt"}),
    ({"type": "in", "key": "year", "value": [1969, 7]}, {"moon.txt"}),
    ({"type": "nin", "key": "topic", "value": ["sky"]}, {"parcel.txt", "bread.txt"}),
    ({"type": "and", "filters": [{"type": "gte", "key": "year", "value": 1969}, {"type": "or", "filters": [
        {"type": "eq", "key": "topic", "value": "post"}, {"type": "eq", "key": "topic", "value": "none"}]}]},
     {"parcel.txt"}),
]  # fmt: skip


async def test_filters_compare_by_type(api: Api, library: tuple[str, dict[str, str]]) -> None:
    for filters, names in FILTERS:
        found = await api.vector_stores.search(library[0], query="Moon parcel bread", filters=filters)
        assert {result.filename for result in found.data} == names, filters


async def test_the_key_of_a_filter_is_the_whole_name_of_an_attribute(api: Api) -> None:
    store, _ = await filled_store(api, moon={"a.b": 1, "ü": "é", "$c": True, '"': 2}, bread={"a": 1})

    for key, value in {"a.b": 1, "ü": "é", "$c": True, '"': 2}.items():
        equal = {"type": "eq", "key": key, "value": value}
        for filters in (equal, {"type": "and", "filters": [{"type": "or", "filters": [equal]}]}):
            found = await api.vector_stores.search(store, query="Moon parcel bread", filters=filters)
            assert [result.filename for result in found.data] == ["moon.txt"], filters


WRONG_SEARCHES: list[tuple[dict[str, Any], str]] = [
    ({"query": ""}, "query"), ({"query": []}, "query"), ({"query": ["a", " "]}, "query[1]"),
    ({"max_num_results": 0}, "max_num_results"), ({"max_num_results": 51}, "max_num_results"),
    ({"ranking_options": {"score_threshold": 1.1}}, "ranking_options.score_threshold"),
    ({"ranking_options": {"score_threshold": -0.1}}, "ranking_options.score_threshold"),
    ({"ranking_options": {"ranker": "best"}}, "ranking_options.ranker"),
    ({"filters": {"type": "like", "key": "a", "value": "b"}}, "filters.type"),
    ({"filters": {"type": "eq", "key": "a"}}, "filters"),
    ({"filters": {"type": "and", "filters": []}}, "filters"),
    ({"filters": {"type": "eq", "key": "a", "value": {"b": 1}}}, "filters"),
    ({"filters": {"type": "in", "key": "a", "value": "b"}}, "filters"),
    ({"rewrite_query": "perhaps"}, "rewrite_query"),
]  # fmt: skip


async def test_a_wrong_search_names_the_parameter(api: Api, library: tuple[str, dict[str, str]]) -> None:
    for search, param in WRONG_SEARCHES:
        with pytest.raises(openai.BadRequestError) as error:
            await api.vector_stores.search(library[0], **{"query": "Moon", **search})
        assert (error.value.param or "").startswith(param), (search, error.value.param)


async def test_a_threshold_of_zero_keeps_all_and_one_of_one_keeps_the_best_at_most(
    api: Api, library: tuple[str, dict[str, str]]
) -> None:
    for ranker in ("auto", "none", "default-2024-11-15"):
        options = {"ranker": ranker, "score_threshold": 0}
        found = await api.vector_stores.search(library[0], query="Moon", ranking_options=options)
        assert len(found.data) == 3
        strict = {"ranker": ranker, "score_threshold": 1}
        best = await api.vector_stores.search(library[0], query="Moon", ranking_options=strict)
        assert all(result.score >= 1 for result in best.data)


async def test_operators_in_a_query_are_text(api: Api, library: tuple[str, dict[str, str]]) -> None:
    for query in ('"nowhere"', "-Moon", "Moon -bread", "%_\\'", "&|!:*()", "🎉", "a" * 5000):
        found = await api.vector_stores.search(library[0], query=query)
        assert len(found.data) <= 10
