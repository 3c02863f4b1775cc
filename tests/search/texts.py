"""A tenant with texts from a small vocabulary, so that many share a term, and an independent BM25 search of them."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from svc.search import hybrid
from svc.terms.samples import renew_sample
from tests.conftest import Service
from tests.routes.tenants import Tenant, new_tenant

# These words are their own stems, so that the search below can count them unchanged.
_VOCABULARY = """
comet planet moon star orbit mirror dome telescope lens camera filter engine cable harbour boat anchor rope tide storm
cloud rain wind snow river lake mountain forest tree leaf root seed bread flour salt yeast oven kitchen cook court law
judge claim appeal damage letter paper ink print book author chapter garden flower bee honey field cow
"""
WORDS = _VOCABULARY.split()
# A query of these words, with this budget of texts: half of it is enough for the texts with the rare word and for the
# pairs of the frequent ones, but not for the texts with the rare word or one of the frequent ones.
RARE, FREQUENT, PAIRS_BUDGET = "field", ["seed", "bread", "flour"], 72
K1, B, USUAL_LENGTH = 1.2, 0.75, 90


@dataclass(frozen=True)
class Text:
    """A chunk of a tenant."""

    chunk_id: str
    document_id: str
    words: list[str] = field(repr=False)


def random_texts(count: int, seed: int) -> list[str]:
    """Texts of 10 to 35 words, in which the first words of `WORDS` are many times as frequent as the last."""
    generator = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(WORDS))]
    return [" ".join(generator.choices(WORDS, weights, k=generator.randint(10, 35))) for _ in range(count)]


async def make_texts(service: Service, count: int, seed: int, documents: int = 6) -> tuple[Tenant, list[Text]]:
    """A new tenant with about `count` texts, each in one chunk, in several documents, and the stored chunks."""
    tenant = await new_tenant(service)
    stored = []
    for number in range(documents):
        texts = random_texts(count // documents, 100 * seed + number)
        document = await tenant.ready_document(f"{number}.txt", "\n\n".join(texts), number=number)
        chunks = await tenant.chunks(document["id"])
        stored += [Text(chunk["id"], document["id"], chunk["content"].split()) for chunk in chunks]
    # The worker may have already counted the terms.
    await renew_sample(service.services.database, UUID(tenant.id), "chunk")
    return tenant, stored


def use_budget(monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
    """Let searches by keywords compare at most this number of chunks."""
    monkeypatch.setattr(hybrid, "_LEAST_POSTINGS", budget)
    monkeypatch.setattr(hybrid, "_POSTINGS_A_ROOT", 0)


def rarity(text_count: int, share: float) -> float:
    """The weight of a term that a share of the texts contains."""
    containing = text_count * share
    return math.log(1 + (text_count - containing + 0.5) / (containing + 0.5))


def scores(query: Sequence[str], texts: Sequence[Text], rarities: Mapping[str, float]) -> dict[str, float]:
    """The score by BM25 of each text that contains a word of the query."""
    found = {}
    for text in texts:
        counts = Counter(text.words)
        norm = K1 * (1 - B + B * len(text.words) / USUAL_LENGTH)
        score = sum(rarities[word] * counts[word] / (counts[word] + norm) for word in query if counts[word])
        if score:
            found[text.chunk_id] = score
    return found
