"""Searches of vector stores."""

from __future__ import annotations

from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.clients.openai.api import Api
from tests.clients.openai.stored import filled_store, stored

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "moon": {"topic": "sky", "year": 2020, "new": True},
    "parcel": {"topic": "post", "year": 2024.5, "new": False},
    "bread": {"year": 2026},
}

FILTERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "eq text": ({"type": "eq", "key": "topic", "value": "sky"}, {"moon"}),
    "eq number": ({"type": "eq", "key": "year", "value": 2020}, {"moon"}),
    "eq truth": ({"type": "eq", "key": "new", "value": False}, {"parcel"}),
    "eq of another type": ({"type": "eq", "key": "year", "value": "2020"}, set()),
    "ne": ({"type": "ne", "key": "topic", "value": "sky"}, {"parcel", "bread"}),
    "ne of an absent key": ({"type": "ne", "key": "nothing", "value": 1}, {"moon", "parcel", "bread"}),
    "gt": ({"type": "gt", "key": "year", "value": 2024.5}, {"bread"}),
    "gte": ({"type": "gte", "key": "year", "value": 2024.5}, {"parcel", "bread"}),
    "lt": ({"type": "lt", "key": "year", "value": 2024.5}, {"moon"}),
    "lte": ({"type": "lte", "key": "year", "value": 2024.5}, {"moon", "parcel"}),
    "in": ({"type": "in", "key": "topic", "value": ["sky", "post"]}, {"moon", "parcel"}),
    "in numbers": ({"type": "in", "key": "year", "value": [2026, 1]}, {"bread"}),
    "nin": ({"type": "nin", "key": "topic", "value": ["sky"]}, {"parcel", "bread"}),
    "and": (
        {
            "type": "and",
            "filters": [
                {"type": "gte", "key": "year", "value": 2020}, {"type": "eq", "key": "topic", "value": "post"},
            ],
        },
        {"parcel"},
    ),
    "or": (
        {
            "type": "or",
            "filters": [
                {"type": "eq", "key": "year", "value": 2026},
                {"type": "and", "filters": [{"type": "eq", "key": "new", "value": True}]},
            ],
        },
        {"moon", "bread"},
    ),
}  # fmt: skip

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no query": ({"query": ""}, "query"),
    "blank query": ({"query": ["a", " "]}, "query[1]"),
    "no queries": ({"query": []}, "query"),
    "too many": ({"max_num_results": 51}, "max_num_results"),
    "too few": ({"max_num_results": 0}, "max_num_results"),
    "threshold": ({"ranking_options": {"score_threshold": 1.1}}, "ranking_options.score_threshold"),
    "ranker": ({"ranking_options": {"ranker": "mine"}}, "ranking_options.ranker"),
    "operator": ({"filters": {"type": "like", "key": "a", "value": "b"}}, "filters"),
    "no key": ({"filters": {"type": "eq", "value": "b"}}, "filters"),
    "no filters": ({"filters": {"type": "and"}}, "filters"),
    "in without list": ({"filters": {"type": "in", "key": "a", "value": "b"}}, "filters"),
    "unknown field": ({"extra_body": {"colour": "red"}}, "colour"),
    "no weight": (
        {"extra_body": {"ranking_options": {"hybrid_search": {"embedding_weight": 0, "text_weight": 0}}}},
        "ranking_options.hybrid_search",
    ),
}


@pytest_asyncio.fixture(scope="module")
async def library(clients: dict[str, Api]) -> tuple[str, dict[str, str]]:
    """The id of a vector store with three files, and their names by id."""
    store, ids = await filled_store(clients["async"], **ATTRIBUTES)
    return store, {id_: name.partition(".")[0] for name, id_ in ids.items()}


async def test_the_best_result_is_first_and_names_its_file(api: Api, library: tuple[str, dict[str, str]]) -> None:
    store, names = library

    page = await api.vector_stores.search(store, query="How far away is the Moon?")

    best = page.data[0]
    assert (names[best.file_id], best.filename) == ("moon", "moon.txt")
    assert best.attributes == ATTRIBUTES["moon"]
    assert [(part.type, "384,400" in part.text) for part in best.content] == [("text", True)]
    assert page.object == "vector_store.search_results.page"
    assert page.to_dict()["search_query"] == ["How far away is the Moon?"]
    assert (await api.files.retrieve(best.file_id)).filename == "moon.txt"


@pytest.mark.parametrize("query", ["Moon", "parcels to Norway", "rye bread -baked", '"sourdough" dough', "-v", "東京"])
async def test_scores_descend_from_at_most_one_to_at_least_zero(
    api: Api, library: tuple[str, dict[str, str]], query: str
) -> None:
    scores = [result.score for result in (await api.vector_stores.search(library[0], query=query)).data]

    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


async def test_a_threshold_leaves_out_lower_scores_and_no_others(api: Api, library: tuple[str, dict[str, str]]) -> None:
    every = (await api.vector_stores.search(library[0], query="Moon")).data
    for threshold in (0.0, every[1].score, every[0].score, 1.0):
        options = {"ranker": "auto", "score_threshold": threshold}
        found = (await api.vector_stores.search(library[0], query="Moon", ranking_options=options)).data
        assert [r.file_id for r in found] == [r.file_id for r in every if r.score >= threshold]


async def test_the_number_of_results_is_bounded(api: Api, library: tuple[str, dict[str, str]]) -> None:
    for count in (1, 2):
        for query in ("days", ["days", "Moon", "bread"]):
            assert len((await api.vector_stores.search(library[0], query=query, max_num_results=count)).data) == count


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_passes_what_it_says(api: Api, library: tuple[str, dict[str, str]], name: str) -> None:
    filters, expected = FILTERS[name]

    page = await api.vector_stores.search(library[0], query="Moon parcel bread", filters=filters)

    assert {library[1][result.file_id] for result in page.data} == expected


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_search_is_400(api: Api, library: tuple[str, dict[str, str]], name: str) -> None:
    body, param = WRONG[name]
    with pytest.raises(openai.BadRequestError) as error:
        await api.vector_stores.search(library[0], **{"query": "Moon", **body})
    assert (error.value.param or "").startswith(param)


async def test_several_queries_are_searched_at_once(api: Api, library: tuple[str, dict[str, str]]) -> None:
    page = await api.vector_stores.search(library[0], query=["Moon", "Norway"], max_num_results=3, rewrite_query=True)

    assert {library[1][result.file_id] for result in page.data[:2]} == {"moon", "parcel"}
    assert page.to_dict()["search_query"] == ["Moon", "Norway"]


async def test_words_and_meaning_can_be_weighed(api: Api, library: tuple[str, dict[str, str]]) -> None:
    for weights in ({"embedding_weight": 1, "text_weight": 0}, {"embedding_weight": 0, "text_weight": 3}):
        body = {"ranking_options": {"hybrid_search": weights}}
        page = await api.vector_stores.search(library[0], query="sourdough", extra_body=body)
        assert library[1][page.data[0].file_id] == "bread"


async def test_only_the_store_is_searched(api: Api, library: tuple[str, dict[str, str]]) -> None:
    other = await api.vector_stores.create()

    assert (await api.vector_stores.search(other.id, query="Moon")).data == []


async def test_a_file_of_two_stores_has_the_attributes_of_each(api: Api) -> None:
    store, ids = await filled_store(api, moon={"a": 1})
    other = await api.vector_stores.create()
    entry = await api.vector_stores.files.create_and_poll(
        ids["moon.txt"], vector_store_id=other.id, attributes={"a": 2}
    )  # fmt: skip

    assert entry.status == "completed"
    for id_, value in ((store, 1), (other.id, 2)):
        [best, *_] = (await api.vector_stores.search(id_, query="Moon")).data
        assert best.attributes == {"a": value}


async def test_a_detached_and_a_deleted_file_are_no_longer_found(api: Api) -> None:
    store, ids = await filled_store(api)

    await api.vector_stores.files.delete(ids["moon.txt"], vector_store_id=store)
    await api.files.delete(ids["bread.txt"])

    found = (await api.vector_stores.search(store, query="Moon bread parcel")).data
    assert [result.file_id for result in found] == [ids["parcel.txt"]]


async def test_changed_attributes_take_effect_immediately(api: Api) -> None:
    store, ids = await filled_store(api, moon={"a": 1})
    await api.vector_stores.files.update(ids["moon.txt"], vector_store_id=store, attributes={"a": 2})

    for value, count in ((1, 0), (2, 1)):
        filters = {"type": "eq", "key": "a", "value": value}
        assert len((await api.vector_stores.search(store, query="Moon", filters=filters)).data) == count


async def test_equal_texts_of_two_files_are_two_results(api: Api) -> None:
    store = await api.vector_stores.create(file_ids=[])
    ids = {await stored(api, name="a.txt"), await stored(api, name="b.txt")}
    await api.vector_stores.file_batches.create_and_poll(store.id, file_ids=[*ids])

    assert {result.file_id for result in (await api.vector_stores.search(store.id, query="Moon")).data} == ids
