"""`/v1/embeddings` and `/v1/models`: the embedding model of this service, for clients of the OpenAI API."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray
from starlette.responses import Response

from svc.errors import EmbeddingRefusedError, InvalidRequestError, NotFoundError
from svc.fields.values import check_text
from svc.ingest.tokens import count_tokens_batch, tokenizer
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("OpenAI")

MOST_INPUTS = 2048
"""The maximum number of inputs in a request, as in the OpenAI API."""

# The limits of the OpenAI API, in tokens: for one input, and for a request.
_MOST_TOKENS = 8192
_MOST_TOKENS_IN_ALL = 300_000
_MOST_CHARACTERS = 262_144

# Clients sort models by their creation time, which Cabinet does not know. This is the first day of 2026.
_CREATED = 1_767_225_600

_Text = Annotated[str, Meta(max_length=_MOST_CHARACTERS)]
_Token = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Tokens = Annotated[list[_Token], Meta(min_length=1, max_length=_MOST_TOKENS)]


class CreateEmbeddings(Struct, frozen=True, forbid_unknown_fields=True):
    """The texts to embed: one or many, as text or as tokens of this model's tokenizer."""

    input: _Text | Annotated[list[_Text | _Token | _Tokens], Meta(min_length=1, max_length=_MOST_TOKENS)]
    model: str
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None


class Embedding(Struct, frozen=True):
    """One vector: a list of numbers, or the base64 of its 32-bit floats in little-endian order."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingUsage(Struct, frozen=True):
    """The tokens of the request."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Struct, frozen=True):
    """The vectors, in the order of the inputs."""

    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    object: Literal["list"] = "list"


class Model(Struct, frozen=True):
    """A model of this service."""

    id: str
    created: int = _CREATED
    object: Literal["model"] = "model"
    owned_by: str = "cabinet"


class Models(Struct, frozen=True):
    """The models of this service, which has only its embedding model."""

    data: list[Model]
    object: Literal["list"] = "list"


@routes.get("/v1/models")
async def openai_models(call: Call) -> Models:
    """List the models, which is only the model that embeds documents and queries."""
    return Models([Model(call.services.provider.model)])


@routes.get("/v1/models/{model:path}")
async def openai_model(call: Call) -> Model:
    """Get a model."""
    return Model(_checked_model(call, call.path_text("model", "model")))


@routes.post(
    "/v1/embeddings",
    errors=(503,),
    reads=True,
    body_bytes=4 * 2**20,
    produces="application/json",
    example={"input": "How far away is the Moon?", "model": "text-embedding-3-small"},
)
async def openai_embeddings(call: Call, body: CreateEmbeddings) -> Response:
    """Embed texts with the model of this service. `dimensions` must match the model, or be omitted."""
    provider = call.services.provider
    model = _checked_model(call, body.model)
    if body.dimensions not in (None, provider.dimensions):
        raise InvalidRequestError(f"{model} has {provider.dimensions} dimensions and no others", field="dimensions")
    texts, counts = await asyncio.to_thread(_texts_and_counts, body.input)
    user_id, usage = call.principal.tenant, call.services.usage
    tokens = sum(counts)
    usage.check_tokens(user_id, call.principal.tokens, tokens)
    try:
        vectors = await provider.embed(texts)
    except EmbeddingRefusedError as error:
        raise InvalidRequestError(error.detail, field="input") from error
    usage.add(user_id, tokens=tokens)
    content = await asyncio.to_thread(_encoded, vectors, model, tokens, body.encoding_format)
    return Response(content, media_type="application/json")


def _checked_model(call: Call, model: str) -> str:
    served = call.services.provider.model
    if model != served:
        raise NotFoundError(
            f"the model {model[:100]} does not exist here; this service embeds with {served}",
            field="model",
            code="model_not_found",
        )
    return served


def _texts_and_counts(given: str | list[Any]) -> tuple[list[str], list[int]]:
    """The texts of the input and their token counts. Input in tokens of the model's tokenizer is decoded to text.

    Raises:
        InvalidRequestError: an input is empty or too long, or texts and tokens are mixed.
    """
    inputs = given if isinstance(given, list) else [given]
    if all(isinstance(each, int) for each in inputs):
        inputs = [inputs]
    is_one = not isinstance(given, list) or inputs[0] is given
    fields = ["input"] if is_one else [f"input[{index}]" for index in range(len(inputs))]
    if len(inputs) > MOST_INPUTS:
        raise InvalidRequestError(f"input has {len(inputs)} texts, more than {MOST_INPUTS}", field="input")
    if len({type(each) for each in inputs}) > 1:
        raise InvalidRequestError("input mixes texts and tokens; send either", field="input")
    given_texts = (
        each if isinstance(each, str) else _text_of(each, field) for each, field in zip(inputs, fields, strict=True)
    )
    # A model takes no NUL.
    texts = [text.replace("\0", "\ufffd") for text in given_texts]
    are_tokens = not isinstance(inputs[0], str)
    for field, text in zip(fields, texts, strict=True):
        check_text(text, field)
        if not text.strip():
            raise InvalidRequestError(f"{field} is empty", field=field)
    counts = [len(each) for each in inputs] if are_tokens else count_tokens_batch(texts)
    for field, count in zip(fields, counts, strict=True):
        if count > _MOST_TOKENS:
            raise InvalidRequestError(f"{field} has {count:,} tokens, more than {_MOST_TOKENS:,}", field=field)
    if sum(counts) > _MOST_TOKENS_IN_ALL:
        raise InvalidRequestError(f"input has more than {_MOST_TOKENS_IN_ALL:,} tokens in all", field="input")
    return texts, counts


def _text_of(tokens: list[int], field: str) -> str:
    vocabulary = tokenizer().get_vocab_size()
    if max(tokens) >= vocabulary:
        raise InvalidRequestError(
            f"{field} has a token that is not one of the {vocabulary:,} of this model; send text instead", field=field
        )
    return tokenizer().decode(tokens, skip_special_tokens=False)


def _encoded(vectors: NDArray[np.float32], model: str, tokens: int, encoding: str | None) -> bytes:
    data = [
        Embedding(
            index, base64.b64encode(row.astype("<f4").tobytes()).decode() if encoding == "base64" else row.tolist()
        )
        for index, row in enumerate(vectors)
    ]
    return msgspec.json.encode(Embeddings(data, model, EmbeddingUsage(tokens, tokens)))
