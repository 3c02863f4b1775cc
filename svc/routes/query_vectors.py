"""The query vector of a search, given as a text or as a vector."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from svc.errors import InvalidRequestError
from svc.ingest.tokens import count_tokens_aside
from svc.vectors.formats import check_query_vector
from svc.web.request import Call

QueryText = Annotated[str, Meta(max_length=32_768)]
QueryVector = Annotated[list[float], Meta(max_length=3584)]

SEARCH_BODY_BYTES = 512 * 2**10
"""The largest body of a search: JSON can write one character of the query as two escaped surrogates, 12 bytes."""


async def query_vector(call: Call, query: str | None, embedding: list[float] | None) -> NDArray[np.float32]:
    """Return the vector to search with: the embedding of the text `query`, or `embedding` itself.

    Raises:
        InvalidRequestError: both or neither are given, the text is blank, or the vector does not fit the model.
        QuotaExceededError: the user's plan has no tokens left for the text.
    """
    provider = call.services.provider
    if (query is None) == (embedding is None):
        raise InvalidRequestError("send either query or embedding, not both", field="query")
    if embedding is not None:
        return check_query_vector(embedding, provider.dimensions)
    assert query is not None
    if not query.strip():
        raise InvalidRequestError("query must contain more than white space", field="query")
    user_id, usage = call.principal.tenant, call.services.usage
    tokens = await count_tokens_aside(query)
    usage.check_tokens(user_id, call.principal.tokens, tokens)
    vector: NDArray[np.float32] = (await provider.embed([query]))[0]
    usage.add(user_id, tokens=tokens)
    return vector
