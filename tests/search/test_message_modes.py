"""Searches of messages by keywords and hybrid ones, compared with their definition, and the messages around results."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from tests.conftest import Service, running_service, test_settings
from tests.routes.answers import ok, statements
from tests.routes.tenants import Tenant, new_tenant, shared_service
from tests.search.test_lanes import NO_OTHER_PLAN

WORDS = [
    "comet", "planet", "moon", "dome", "mirror", "winter", "harbour", "boat", "bread", "oven", "field", "storm", "cow",
]  # fmt: skip
QUERIES = ["comet", "cow field storm", "planet moon mirror dome", "bread from the oven"]
BEFORE_AND_AFTER = {-1: 0.5, -2: 0.2, 1: 0.3, 2: 0.1}
Place = tuple[str, int]
Talk = tuple[Tenant, dict[Place, str]]


async def make_talk(service: Service, seed: int) -> Talk:
    """Three conversations of a new tenant, with a small vocabulary, in which two speakers alternate."""
    tenant, chance = await new_tenant(service), random.Random(seed)
    said: dict[Place, str] = {}
    for _ in range(3):
        conversation_id = (await tenant.conversation())["id"]
        messages = [
            {
                "role": ("user", "assistant")[number % 2],
                "name": ("Nora", "Emil")[number % 2],
                "content": " ".join(chance.choices(WORDS, k=chance.randint(1, 12))),
                "created_at": f"2024-0{1 + number // 10}-11T10:00:00Z",
            }
            for number in range(70)
        ]
        stored = await tenant.say(conversation_id, *messages)
        said |= {(conversation_id, message["position"]): message["content"] for message in stored}
    return tenant, said


@pytest_asyncio.fixture(scope="module")
async def exact(server: EmbeddedServer, template: str) -> AsyncIterator[Talk]:
    """Two tenants with the same messages, on a service that takes the exact lane."""
    settings = test_settings(key_cache_s=0)
    async with shared_service(server, template, "shared_message_modes", settings, **NO_OTHER_PLAN) as service:
        await make_talk(service, 2)
        yield await make_talk(service, 2)


@pytest_asyncio.fixture(scope="module", params=["exact", "bits"])
async def talk(request: pytest.FixtureRequest, exact: Talk) -> AsyncIterator[Talk]:
    """The same in each lane."""
    if request.param == "exact":
        yield exact
        return
    tenant, said = exact
    settings = test_settings(worker_concurrency=0, exact_max_rows=0, key_cache_s=0)
    async with running_service(settings, tenant.service.url) as service:
        yield Tenant(service, tenant.id, tenant.key), said


async def search(tenant: Tenant, query: str, conversation_id: str | None = None, **body: Any) -> dict[str, Any]:
    path = "/conversations/search" if conversation_id is None else f"/conversations/{conversation_id}/search"
    return dict(ok(await tenant.post(path, json={"query": query, "limit": 100, **body})))


def place(message: dict[str, Any]) -> Place:
    return message["conversation_id"], message["position"]


async def every(talk: Talk, query: str, mode: str) -> dict[Place, float]:
    """The similarity or keyword score of every message."""
    tenant, said = talk
    scores: dict[Place, float] = {}
    for conversation_id in {each for each, _ in said}:
        found = (await search(tenant, query, conversation_id, mode=mode, recall="exact"))["results"]
        scores |= {place(result): result["score"] for result in found}
    return scores


def scaled(values: Sequence[float]) -> Any:
    array = np.array(values)
    if array.min() == array.max():
        return np.ones(len(array)) * (array > 0)
    return (array - array.min()) / (array.max() - array.min())


def in_context(
    best: set[Place], similarity: dict[Place, float], keyword_score: dict[Place, float], weight: float
) -> dict[Place, float]:
    """The score of the best messages of both lists and of the messages around them, by the definition."""
    around = {(each, position + step) for each, position in best for step in range(-2, 3)} & similarity.keys()
    places = sorted(around)
    similarities = scaled([similarity[each] for each in places])
    keyword_scores = scaled([keyword_score.get(each, 0.0) for each in places])
    own = dict(zip(places, weight * keyword_scores + (1 - weight) * similarities, strict=True))
    return {
        (each, position): (
            own[each, position]
            + sum(share * own.get((each, position + step), 0) for step, share in BEFORE_AND_AFTER.items())
        )
        / 2.1
        for each, position in places
    }


@pytest.mark.parametrize("query", QUERIES)
async def test_a_hybrid_search_is_what_it_is_defined_to_be(talk: Talk, query: str) -> None:
    tenant, said = talk
    similarity, keyword_score = await every(talk, query, "meaning"), await every(talk, query, "keyword")
    assert len(similarity) == len(said)
    lists = [(await search(tenant, query, mode=mode))["results"] for mode in ("meaning", "keyword")]
    best = {place(result) for results in lists for result in results}
    weights = (None, 0.0, 0.3, 1.0)
    asked: list[dict[str, Any]] = [{} if each is None else {"keyword_weight": each} for each in weights]
    answers = [await search(tenant, query, **each) for each in asked]
    if await every(talk, query, "keyword") != keyword_score:
        # A new sample of the terms changed all keyword scores meanwhile; the next sample is much later.
        keyword_score = await every(talk, query, "keyword")
        lists = [(await search(tenant, query, mode=mode))["results"] for mode in ("meaning", "keyword")]
        best = {place(result) for results in lists for result in results}
        answers = [await search(tenant, query, **each) for each in asked]
    for weight, found in zip(weights, answers, strict=True):
        assert found["mode"] == "hybrid"
        expected = in_context(best, similarity, keyword_score, 0.5 if weight is None else weight)
        places = [place(result) for result in found["results"]]
        assert len(set(places)) == len(places) == min(100, len(expected))
        scores = [result["score"] for result in found["results"]]
        np.testing.assert_allclose(scores, [expected[each] for each in places], atol=1e-4)
        np.testing.assert_allclose(scores, sorted(expected.values(), reverse=True)[: len(scores)], atol=1e-4)
        for result in found["results"]:
            assert result["similarity"] == pytest.approx(similarity[place(result)], abs=1e-5)
            assert result["keyword_score"] == pytest.approx(keyword_score.get(place(result), 0), abs=1e-5)
            assert result["distance"] == pytest.approx(1 - result["similarity"], abs=1e-5)


async def test_the_mode_follows_from_what_is_sent(talk: Talk) -> None:
    tenant, _ = talk
    vector = [1.0, *[0.0] * 255]
    by_vector = ok(await tenant.post("/conversations/search", json={"embedding": vector, "limit": 100}))
    assert by_vector["mode"] == "meaning"
    assert all(result["score"] == result["similarity"] for result in by_vector["results"])
    assert all(result["keyword_score"] is None for result in by_vector["results"])
    by_words = await search(tenant, "comet", mode="keyword")
    assert by_words["lane"] == "exact"
    assert all(result["similarity"] is result["distance"] is None for result in by_words["results"])
    assert (await search(tenant, "comet", embedding=vector))["mode"] == "hybrid"


async def test_keywords_find_the_messages_with_the_words(talk: Talk) -> None:
    tenant, said = talk
    results = (await search(tenant, "winter", mode="keyword"))["results"]
    assert {place(result) for result in results} == {each for each, text in said.items() if "winter" in text.split()}
    scores = [result["score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


async def test_phrases_and_excluded_words(talk: Talk) -> None:
    tenant, said = talk
    phrase = {each for each, text in said.items() if "moon dome" in text}
    without = {each for each in phrase if "comet" not in said[each].split()}
    assert phrase > without
    for mode in ("keyword", "hybrid"):
        found = await search(tenant, '"moon dome"', mode=mode)
        assert {place(result) for result in found["results"]} == phrase
        found = await search(tenant, '"moon dome" -comet', mode=mode)
        assert {place(result) for result in found["results"]} == without


async def test_filters_limit_the_results_and_not_the_chunks_around_them(talk: Talk) -> None:
    tenant, said = talk
    (conversation_id, *_) = sorted({each for each, _ in said})
    dates = {"created_after": "2024-02-01T00:00:00Z", "created_before": "2024-04-01T00:00:00Z"}
    for mode in ("keyword", "hybrid"):
        for body in ({}, {"roles": ["assistant"]}, dates):
            results = (await search(tenant, "comet storm", conversation_id, mode=mode, **body))["results"]
            assert results
            assert {result["conversation_id"] for result in results} == {conversation_id}
            assert "roles" not in body or {result["role"] for result in results} == {"assistant"}
            assert body != dates or {result["created_at"][:7] for result in results} == {"2024-02", "2024-03"}
    similar = (await search(tenant, "comet storm"))["results"]
    least = sorted(result["similarity"] for result in similar)[50]
    kept = (await search(tenant, "comet storm", threshold=least))["results"]
    first = [result for result in similar if result["similarity"] >= least]
    assert kept[: len(first)] == first
    assert all(result["similarity"] >= least for result in kept)


async def test_only_own_messages_are_found(talk: Talk) -> None:
    tenant, said = talk
    for query in QUERIES:
        for body in ({}, {"mode": "keyword"}, {"recall": "exact"}, {"neighbours": 2}):
            results = (await search(tenant, query, **body))["results"]
            assert results
            near = [each for result in results for each in result.get("neighbours", [])]
            assert {place(each) for each in [*results, *near]} <= said.keys()


async def test_a_search_runs_few_statements(talk: Talk) -> None:
    tenant, _ = talk
    # The key, which is not cached here; the number of vectors; the search; the messages around the results.
    for body, most in (({}, 3), ({"mode": "keyword"}, 2), ({"recall": "exact"}, 2), ({"neighbours": 1}, 4)):
        await search(tenant, "comet")
        answer = await tenant.post("/conversations/search", json={"query": "comet and more", **body})
        assert statements(answer) == most, body


async def test_the_answer_to_a_question_is_found_by_the_words_of_the_question(exact: Talk) -> None:
    tenant = await new_tenant(exact[0].service)
    conversation_id = (await tenant.conversation())["id"]
    await tenant.say(
        conversation_id,
        {"role": "user", "content": "Good morning."},
        {"role": "assistant", "content": "The weather is fine today."},
        {"role": "user", "content": "Which instrument does Helena play?"},
        {"role": "assistant", "content": "In the orchestra, since she was six: cello."},
        {"role": "user", "content": "Lovely."},
        {"role": "user", "content": "Goodbye, and thank you."},
    )
    results = (await search(tenant, "Which instrument does Helena play?", limit=2))["results"]
    assert [result["position"] for result in results] == [3, 4]


async def test_the_speaker_and_the_date_are_words_of_a_message(exact: Talk) -> None:
    tenant = await new_tenant(exact[0].service)
    conversation_id = (await tenant.conversation())["id"]
    stored = await tenant.say(
        conversation_id,
        {"role": "user", "name": "Nora", "content": "I have a cold.", "created_at": "2023-05-08T10:00:00Z"},
        {
            "role": "user", "content": "So have I.", "created_at": "2024-06-11T10:00:00Z",
            "metadata": {"speaker": "Emil", "mood": "sad"},
        },
    )  # fmt: skip

    async def found(query: str) -> list[int]:
        return [result["position"] for result in (await search(tenant, query, mode="keyword"))["results"]]

    assert await found("Nora") == [1]
    assert await found("on Monday") == [1]
    assert await found("8 May 2023") == [1]
    assert await found("Emil") == [2]
    assert await found("sad") == []
    path = f"/conversations/{conversation_id}/messages/{stored[1]['id']}"
    ok(await tenant.patch(path, json={"name": "Helena", "metadata": {}}))
    await tenant.embedded(conversation_id)
    assert await found("Emil") == []
    assert await found("Helena") == [2]


async def test_the_messages_around_a_result(talk: Talk) -> None:
    tenant, said = talk
    conversations = {each for each, _ in said}
    for count in (1, 5):
        found = await search(tenant, "comet", limit=4, mode="keyword", neighbours=count)
        results = found["results"]
        seen = {place(result) for result in results}
        for result in results:
            near = [place(each) for each in result["neighbours"]]
            assert near == sorted(near)
            conversation_id, position = place(result)
            assert not seen & set(near), "a message comes once"
            assert {each for each, _ in near} <= {conversation_id} <= conversations
            around = {(conversation_id, position + step) for step in range(-count, count + 1)} & said.keys()
            assert set(near) <= around
            seen |= set(near)
        steps = range(-count, count + 1)
        wanted = {(each, position + step) for each, position in map(place, results) for step in steps}
        assert seen == wanted & said.keys()
    plain = await search(tenant, "comet", limit=4, mode="keyword")
    assert all("neighbours" not in result for result in plain["results"])
