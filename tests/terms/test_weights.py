"""Scores in the database, compared with a plain BM25; keys and salts."""

from __future__ import annotations

import asyncio
import math
import struct
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svc.terms.by_language import LanguageWords
from svc.terms.weights import Scale, inverse_frequency, keys, keys_of, query_weights, salt, sparse_vector, text_weights
from svc.terms.words import Words

WORDS = Words("none")
LANGUAGES = LanguageWords("none")
VOCABULARY = [f"word{chr(ord('a') + number)}" for number in range(12)]
SCORE = "select -($1::text::sparsevec <#> $2::text::sparsevec)"


def plain_bm25(query: list[str], text: list[str], texts: list[list[str]]) -> float:
    """BM25 with k1 = 1.2, b = 0.75 and an average length of 90, by its definition."""
    score = 0.0
    counts = Counter(text)
    for word in query:
        containing = sum(word in each for each in texts)
        rarity = math.log(1 + (len(texts) - containing + 0.5) / (containing + 0.5))
        tf = counts[word]
        # BM25 has a factor of k1 + 1, which does not affect the order and which Lucene also omits.
        score += rarity * tf / (tf + 1.2 * (1 - 0.75 + 0.75 * len(text) / 90))
    return score


def as_text(vector: bytes) -> str:
    """Convert a sparsevec from the binary to the text format."""
    count = int.from_bytes(vector[4:8], "big")
    indexes = struct.unpack_from(f">{count}i", vector, 12)
    values = struct.unpack_from(f">{count}f", vector, 12 + 4 * count)
    pairs = ",".join(f"{index + 1}:{value!r}" for index, value in zip(indexes, values, strict=True))
    return f"{{{pairs}}}/1000000000"


@pytest_asyncio.fixture
async def loop() -> asyncio.AbstractEventLoop:
    """The event loop that all tests share, for a test that is not a coroutine."""
    return asyncio.get_running_loop()


def test_the_score_is_that_of_bm25(loop: asyncio.AbstractEventLoop, observer: Any) -> None:
    words = st.sampled_from(VOCABULARY)
    text = st.lists(words, min_size=1, max_size=200)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(text, min_size=1, max_size=8), st.lists(words, min_size=1, max_size=6))
    def compare(texts: list[list[str]], query: list[str]) -> None:
        counted = WORDS.query(" ".join(query))
        shares = {
            each: sum(each in WORDS.query(" ".join(one)).counts for one in texts) / len(texts)
            for each in counted.counts
        }
        scale = Scale(len(texts), shares, 0, {"none": 1})
        asked = as_text(query_weights(LANGUAGES.query(" ".join(query), ()), scale))
        for one in texts:
            stored = as_text(text_weights(WORDS.document(" ".join(one))))
            score = loop.run_until_complete(observer.fetchval(SCORE, stored, asked))
            assert score == pytest.approx(plain_bm25(query, one, texts), rel=1e-5, abs=1e-6)

    compare()


async def test_the_binary_format_is_the_servers(observer: Any, database: Any) -> None:
    vector = sparse_vector({10**9: 0.25, 1: 1.5, 7: 0.5})
    async with database.pool.connection() as connection:
        back = await connection.fetchval("select $1::sparsevec::text", vector)
        assert back == "{1:1.5,7:0.5,1000000000:0.25}/1000000000"
        assert await connection.fetchval("select $1::text::sparsevec", back) == vector


def test_a_vector_with_too_many_entries_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 16000"):
        sparse_vector(dict.fromkeys(range(1, 16_002), 1.0))


def test_keys_are_terms_with_the_salt_of_the_tenant() -> None:
    counted = WORDS.document("one two three two")
    ada, bob = uuid4(), uuid4()
    of_ada = keys_of(text_weights(counted), ada)
    assert set(of_ada) == set(keys(counted.counts, ada))
    assert {key ^ salt(ada) for key in of_ada} == set(counted.counts)
    assert not set(of_ada) & set(keys(counted.counts, bob))
    assert all(0 <= key < 2**31 for key in of_ada)


def test_the_salt_never_changes() -> None:
    """It is part of every stored key: with another formula, nothing would be found."""
    assert salt(UUID(int=0)) == 0x374708FF >> 1
    assert salt(UUID("01a2072d-b1ba-76ce-b8cd-8db5ea1085b4")) == salt(UUID("01a2072d-b1ba-76ce-b8cd-8db5ea1085b4"))


@given(st.floats(0, 1), st.integers(1, 10**9))
def test_rarity_is_positive_and_falls(share: float, count: int) -> None:
    assert 0 < inverse_frequency(count, share) <= inverse_frequency(count, share / 2)
