"""The question of a search: a text, a vector, or both, and the mode in which they are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from svc.errors import InvalidRequestError
from svc.ingest.tokens import count_tokens, count_tokens_aside
from svc.search.hybrid import Mode, keyword_weight_of
from svc.search.operators import ReadQuery, read_query
from svc.vectors.formats import check_query_vector
from svc.web.request import Call

KeywordWeight = Annotated[float, Meta(ge=0, le=1)]

# Up to this number of characters, the tokens of a query are counted in a tenth of a millisecond.
_MOST_MEASURED = 400


class Asked(Protocol):
    """The fields that all searches have."""

    @property
    def query(self) -> str | None: ...
    @property
    def embedding(self) -> list[float] | None: ...
    @property
    def mode(self) -> Mode | None: ...
    @property
    def keyword_weight(self) -> float | None: ...
    @property
    def threshold(self) -> float | None: ...


@dataclass(frozen=True)
class Question:
    """A checked question.

    `text` is the query, without its operators if keywords are searched, and empty without a query. `vector` is the
    vector that the caller sent, if any.
    """

    mode: Mode
    text: ReadQuery
    vector: NDArray[np.float32] | None
    keyword_weight: float


def read_question(call: Call, body: Asked) -> Question:
    """Check the query, the vector and the mode of a search.

    Raises:
        InvalidRequestError: one that the mode needs is missing, the query is blank, or the vector does not fit the
        model.
    """
    provider = call.services.provider
    if body.query is None and body.embedding is None:
        raise InvalidRequestError("send a query, an embedding, or both", field="query")
    mode: Mode = body.mode or ("meaning" if body.query is None else "hybrid")
    _check_mode(body, mode)
    if body.query is not None and not body.query.strip():
        raise InvalidRequestError("query must contain more than white space", field="query")
    vector = None if body.embedding is None else check_query_vector(body.embedding, provider.dimensions)
    query = body.query or ""
    text = ReadQuery(query) if mode == "meaning" else read_query(query)
    if body.keyword_weight is not None:
        weight = body.keyword_weight
    else:
        measured = "" if mode != "hybrid" or vector is not None else text.text[:_MOST_MEASURED].strip()
        weight = keyword_weight_of(provider.name, count_tokens(measured) / max(1, len(measured)))
    return Question(mode, text, vector, weight)


def _check_mode(body: Asked, mode: Mode) -> None:
    """Check that the fields of a search fit its mode."""
    if mode != "meaning" and body.query is None:
        raise InvalidRequestError(f"mode {mode} needs a query, because an embedding has no words", field="query")
    if mode == "meaning" and body.query is not None and body.embedding is not None:
        raise InvalidRequestError(
            "mode meaning takes either a query or an embedding; mode hybrid takes both", field="query"
        )
    if mode == "keyword" and body.embedding is not None:
        raise InvalidRequestError("mode keyword takes no embedding, because it compares words", field="embedding")
    if mode == "keyword" and body.threshold is not None:
        raise InvalidRequestError(
            "threshold is the lowest similarity, which mode keyword does not compute", field="threshold"
        )
    if mode != "hybrid" and body.keyword_weight is not None:
        raise InvalidRequestError(f"keyword_weight needs mode hybrid, not {mode}", field="keyword_weight")


async def question_vector(call: Call, question: Question) -> NDArray[np.float32]:
    """Return the vector of a question: the caller's, or the embedding of its text.

    Raises:
        QuotaExceededError: the user's plan has no tokens left for the text.
    """
    if question.vector is not None:
        return question.vector
    text = question.text.text
    user_id, usage = call.principal.tenant, call.services.usage
    tokens = await count_tokens_aside(text)
    usage.check_tokens(user_id, call.principal.tokens, tokens)
    vector: NDArray[np.float32] = (await call.services.provider.embed([text]))[0]
    usage.add(user_id, tokens=tokens)
    return vector
