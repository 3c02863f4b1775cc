"""Searches by keywords, compared with a plain BM25 over the same texts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import pytest_asyncio

from svc.embedded.server import EmbeddedServer
from svc.terms.samples import renew_sample
from svc.terms.words import Words
from tests.conftest import Service, test_settings
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, shared_service
from tests.search.texts import FREQUENT, PAIRS_BUDGET, RARE, WORDS, Text, make_texts, rarity, scores, use_budget

QUERIES = ["comet", "cow field", "comet planet moon star orbit", "mirror dome mirror", "cow bee honey comet"]


@pytest_asyncio.fixture(scope="module")
async def writing(server: EmbeddedServer, template: str) -> AsyncIterator[Service]:
    """A service with a worker, for texts."""
    async with shared_service(server, template, "shared_keywords", test_settings(key_cache_s=0)) as service:
        yield service


@pytest_asyncio.fixture(scope="module")
async def library(writing: Service) -> tuple[Tenant, list[Text]]:
    """Two tenants with the same texts."""
    await make_texts(writing, 240, 1)
    return await make_texts(writing, 240, 1)


async def rarities(tenant: Tenant, words: list[str], text_count: int) -> dict[str, float]:
    """The weights of words in the statistics of the tenant."""
    async with direct_connection(tenant.service) as connection:
        row = await connection.fetchrow(
            "select other_share, terms, shares from term_samples where user_id = $1 and kind = 'chunk'",
            UUID(tenant.id),
        )
    other = None if row is None else row["other_share"]
    shares = {} if row is None else dict(zip(row["terms"], row["shares"], strict=True))
    of_word = {word: next(iter(Words("english").query(word).counts)) for word in words}
    return {word: rarity(text_count, shares.get(term, other or 0.001)) for word, term in of_word.items()}


async def search(tenant: Tenant, query: str, **body: Any) -> list[dict[str, Any]]:
    found = ok(
        await tenant.post(
            "/search", json={"query": query, "mode": "keyword", "limit": 100, "duplicates": "keep", **body}
        )
    )
    assert found["mode"] == "keyword"
    return list(found["results"])


@pytest.mark.parametrize("query", QUERIES)
async def test_keywords_find_what_plain_bm25_finds(library: tuple[Tenant, list[Text]], query: str) -> None:
    tenant, texts = library
    results = await search(tenant, query)
    expected = scores(query.split(), texts, await rarities(tenant, query.split(), len(texts)))
    assert {result["chunk_id"] for result in results} <= set(expected)
    assert len(results) == min(100, len(expected))
    found = [result["keyword_score"] for result in results]
    assert found == sorted(found, reverse=True)
    np.testing.assert_allclose(found, sorted(expected.values(), reverse=True)[: len(found)], rtol=1e-4)
    np.testing.assert_allclose(found, [expected[result["chunk_id"]] for result in results], rtol=1e-4)


async def test_a_result_by_keywords_has_no_similarity(library: tuple[Tenant, list[Text]]) -> None:
    for result in await search(library[0], "comet", limit=3):
        assert (result["similarity"], result["distance"]) == (None, None)
        assert result["score"] == result["keyword_score"] > 0


async def test_forms_parts_and_capitals_of_words_are_found(writing: Service) -> None:
    tenant = await new_tenant(writing)
    stored = "The function asn1_der_coding returns codes, and parseHTTPHeader reads 東京都."
    document = await tenant.ready_document("a.txt", stored)
    await tenant.ready_document("b.txt", "Bread is baked from flour.")
    for query in ("asn1_der_coding", "CODING", "code", "der", "http header", "東京", "Asn1", "京"):
        (result,) = await search(tenant, query)
        assert result["document_id"] == document["id"], query
    assert await search(tenant, "the of and") == []
    assert await search(tenant, "glacier") == []


async def test_a_budget_chooses_the_rarest_terms(
    library: tuple[Tenant, list[Text]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All terms still count for the score."""
    tenant, texts = library
    use_budget(monkeypatch, 20)
    query = [WORDS[0], WORDS[-1]]
    body = {"query": " ".join(query), "mode": "keyword", "limit": 100}
    found = ok(await tenant.post("/search", json=body))
    assert found["lane"] == "rarest"
    expected = scores(query, texts, await rarities(tenant, query, len(texts)))
    with_rarest = {text.chunk_id for text in texts if WORDS[-1] in text.words}
    assert {result["chunk_id"] for result in found["results"]} == with_rarest
    for result in found["results"]:
        assert result["keyword_score"] == pytest.approx(expected[result["chunk_id"]], rel=1e-4)
    exact = ok(await tenant.post("/search", json={**body, "recall": "exact"}))
    assert exact["lane"] == "exact"
    assert len(exact["results"]) == min(100, len(expected))


async def test_texts_with_two_frequent_words_are_found(
    library: tuple[Tenant, list[Text]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts with only one of them, and none of the rarest, are not compared."""
    tenant, texts = library
    use_budget(monkeypatch, PAIRS_BUDGET)
    expected = {
        text.chunk_id for text in texts if RARE in text.words or len({*text.words} & {*FREQUENT}) >= 2
    }  # fmt: skip
    with_rare = {text.chunk_id for text in texts if RARE in text.words}
    assert with_rare < expected
    assert {result["chunk_id"] for result in await search(tenant, " ".join([RARE, *FREQUENT]))} == expected


async def test_filters_apply_to_keywords(library: tuple[Tenant, list[Text]]) -> None:
    tenant, texts = library
    documents = sorted({text.document_id for text in texts})
    for body in ({"document_ids": documents[:2]}, {"metadata": {"number": 3}}):
        results = await search(tenant, "comet planet", **body)
        kept = documents[:2] if "document_ids" in body else documents[3:4]
        expected = scores(
            ["comet", "planet"],
            [text for text in texts if text.document_id in kept],
            await rarities(tenant, ["comet", "planet"], len(texts)),
        )
        assert len(results) == min(100, len(expected))
        assert {result["chunk_id"] for result in results} <= set(expected)


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_phrases_are_required_and_words_excluded(writing: Service, mode: str) -> None:
    tenant = await new_tenant(writing)
    texts = {
        "long": "A comet with a long  period returns after centuries.",
        "apart": "The period of this comet is long.",
        "halley": "Halley is a comet; it has no long period, but a short one.",
        "capitals": "COMETS OF LONG PERIOD COME FROM AFAR.",
        "stops": "What it is to be or not to be is the question.",
    }
    for name, text in texts.items():
        await tenant.ready_document(name, text)

    async def names(query: str) -> set[str]:
        return {result["filename"] for result in await searched(tenant, query, mode)}

    assert await names('comet "long period"') == {"long", "halley", "capitals"}
    assert await names('comet "long period" -Halley') == {"long", "capitals"}
    assert await names("comet -HALLEY") & {"halley"} == set()
    assert await names('comet -"long period"') & {"long", "halley", "capitals"} == set()
    assert await names('"to be or not to be"') == {"stops"}
    assert await names('comet "period long"') == set()
    assert await names('comet "long perio"') == set()
    assert await names('"comet" "centuries"') == {"long"}
    assert "stops" not in await names("comet question -to")


async def searched(tenant: Tenant, query: str, mode: str) -> list[dict[str, Any]]:
    return list(
        ok(await tenant.post("/search", json={"query": query, "mode": mode, "limit": 100, "duplicates": "keep"}))[
            "results"
        ]
    )


GERMAN = (
    "Der Dienst ist für die Ablage der Verträge da und nicht für das Lesen, wenn sie mit dem Siegel der Häuser sind. "
    "Nur die Notare können sie dann auch noch öffnen, oder einer der Zeugen."
)
ENGLISH = (
    "These are the news that have been printed for those houses which you should not visit when they are new, and the "
    "contract that each of their owners has signed."
)


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
async def test_texts_of_several_languages_are_found_by_the_forms_of_their_words(writing: Service, mode: str) -> None:
    tenant = await new_tenant(writing)
    german = await tenant.ready_document("german.txt", GERMAN)
    english = await tenant.ready_document("english.txt", ENGLISH)
    expected = {
        "Vertrag": german, "VERTRÄGEN": german, "Haus": german, "Zeuge": german, "house": english, "contracts": english,
    }  # fmt: skip

    async def check() -> None:
        for query, document in expected.items():
            found = await search(tenant, query, highlights=True)
            assert [(each["document_id"], len(each["highlights"])) for each in found] == [(document["id"], 1)], query
        for query, document in {'"Siegel der Häuser"': german, "Verträge -Häusern -houses": german}.items():
            body = {"query": query, "mode": mode}
            (each,) = ok(await tenant.post("/search", json=body))["results"]
            assert each["document_id"] == document["id"]
        for query in ('"Siegel der Haus"', "Verträge -Häuser", "new -houses"):
            found = ok(await tenant.post("/search", json={"query": query, "mode": "keyword"}))["results"]
            assert found == []

    await check()
    # The result is the same with the languages of the sample.
    await renew_sample(writing.services.database, UUID(tenant.id), "chunk", is_forced=True)
    writing.services.query_terms._kept.clear()
    await check()


async def test_a_removed_document_is_not_found(writing: Service) -> None:
    tenant = await new_tenant(writing)
    document = await tenant.ready_document("a.txt", "A comet.")
    await tenant.ready_document("b.txt", "Another comet.")
    async with direct_connection(writing) as connection:
        await connection.execute(
            "update document_contents set removed_at = now() where document_id = $1", UUID(document["id"])
        )
    for mode in ("keyword", "hybrid", "meaning"):
        assert [result["filename"] for result in await searched(tenant, "comet", mode)] == ["b.txt"]
    done(await tenant.delete(f"/documents/{document['id']}"))


async def test_a_search_by_keywords_takes_no_tokens(writing: Service) -> None:
    tenant = await new_tenant(writing)
    await tenant.ready_document("a.txt", "A comet.")
    tokens = []
    for mode in ("keyword", "hybrid"):
        await writing.services.usage.flush()
        tokens.append(ok(await tenant.get("/usage"))["total"]["tokens"])
        await searched(tenant, "comet", mode)
    await writing.services.usage.flush()
    tokens.append(ok(await tenant.get("/usage"))["total"]["tokens"])
    assert tokens[0] == tokens[1] < tokens[2]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "keyword", "embedding": [1.0] * 256}, "query"),
        ({"mode": "hybrid", "embedding": [1.0] * 256}, "query"),
        ({"mode": "meaning", "query": "a", "embedding": [1.0] * 256}, "query"),
        ({"mode": "keyword", "query": "a", "embedding": [1.0] * 256}, "embedding"),
        ({"mode": "keyword", "query": "a", "threshold": 0.5}, "threshold"),
        ({"mode": "keyword", "query": "a", "keyword_weight": 0.5}, "keyword_weight"),
        ({"embedding": [1.0] * 256, "keyword_weight": 0.5}, "keyword_weight"),
        ({"query": "a", "keyword_weight": 1.5}, "keyword_weight"),
        ({"query": "a", "keyword_weight": -0.1}, "keyword_weight"),
        ({"query": "a", "mode": "fuzzy"}, "mode"),
    ],
    ids=str,
)
async def test_fields_that_do_not_go_with_the_mode_are_named(
    writing: Service, body: dict[str, Any], field: str
) -> None:
    tenant = await new_tenant(writing)
    problem(await tenant.post("/search", json=body), 422, field)
