"""Embeddings and models with the unmodified `openai` SDK, compared with the vectors of the service's provider."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import numpy as np
import openai
import pytest

from svc.ingest.tokens import tokenizer
from tests.server_process import ServerProcess

TEXTS = ["The Moon is far away.", "A parcel to Norway takes four days.", "Grüße aus Köln, 東京 🎉"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as running:
        yield running


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    return server.user("sdk@example.com")


@pytest.fixture(scope="module")
def client(server: ServerProcess, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as sdk:
        yield sdk


@pytest.fixture(scope="module")
def model(client: openai.OpenAI) -> str:
    [only] = client.models.list().data
    return only.id


def test_the_sdk_gets_the_same_vectors_in_both_encodings(client: openai.OpenAI, model: str) -> None:
    default = client.embeddings.create(model=model, input=TEXTS)
    floats = client.embeddings.create(model=model, input=TEXTS, encoding_format="float")
    encoded = client.embeddings.create(model=model, input=TEXTS, encoding_format="base64")

    vectors = np.array([each.embedding for each in default.data])
    raw = [np.frombuffer(base64.b64decode(str(each.embedding)), dtype="<f4") for each in encoded.data]
    assert [each.index for each in default.data] == [0, 1, 2]
    assert vectors.shape == (3, 256)
    assert np.allclose(vectors, [each.embedding for each in floats.data])
    assert np.allclose(vectors, raw)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert default.model == model
    assert default.usage.prompt_tokens == default.usage.total_tokens > 10


def test_one_text_and_its_tokens_are_the_same_input(client: openai.OpenAI, model: str) -> None:
    tokens = tokenizer().encode(TEXTS[1], add_special_tokens=False).ids

    text = client.embeddings.create(model=model, input=TEXTS[1], encoding_format="float").data
    one = client.embeddings.create(model=model, input=tokens, encoding_format="float").data
    many = client.embeddings.create(model=model, input=[tokens, tokens], encoding_format="float").data

    assert len(text) == len(one) == 1
    assert np.allclose(text[0].embedding, one[0].embedding)
    assert np.allclose(text[0].embedding, many[1].embedding)


def test_every_token_of_the_vocabulary_is_an_input_and_counts_as_one(client: openai.OpenAI, model: str) -> None:
    # The first tokens are markers and single bytes, including NUL.
    for tokens in ([1, 2, 3], [0], [3], [130, 131], [[1, 2, 3], [4, 5, 6, 7]]):
        answer = client.embeddings.create(model=model, input=tokens)
        nested = tokens if isinstance(tokens[0], list) else [tokens]
        assert len(answer.data) == len(nested)
        assert answer.usage.prompt_tokens == sum(map(len, nested))


def test_two_thousand_inputs_are_taken_and_no_more(client: openai.OpenAI, model: str) -> None:
    answer = client.embeddings.create(model=model, input=[f"Text {number}" for number in range(2048)])
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model=model, input=["x"] * 2049)

    assert [each.index for each in answer.data] == list(range(2048))
    assert refused.value.param == "input"


def test_dimensions_are_honoured_or_refused(client: openai.OpenAI, model: str) -> None:
    right = client.embeddings.create(model=model, input="a", dimensions=256)
    with pytest.raises(openai.BadRequestError, match="256 dimensions") as refused:
        client.embeddings.create(model=model, input="a", dimensions=128)

    assert len(right.data[0].embedding) == 256
    assert refused.value.param == "dimensions"
    assert refused.value.type == "invalid_request_error"


@pytest.mark.parametrize("wrong", ["", [], ["a", ""], [[1], "a"], [10**9], [[]], "x" * 40_000])
def test_wrong_input_is_a_400_that_names_it(client: openai.OpenAI, model: str, wrong: object) -> None:
    if isinstance(wrong, str) and len(wrong) > 100:
        wrong = "word " * 9_000
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model=model, input=wrong)  # type: ignore[arg-type]

    assert (refused.value.param or "").startswith("input")


def test_models_are_listed_and_found(client: openai.OpenAI, model: str) -> None:
    found = client.models.retrieve(model)
    with pytest.raises(openai.NotFoundError) as unknown:
        client.models.retrieve("gpt-7/tuned")
    with pytest.raises(openai.NotFoundError) as refused:
        client.embeddings.create(model="text-embedding-3-small", input="a")

    assert (found.id, found.object) == (model, "model")
    assert found.created > 0
    assert [error.value.code for error in (unknown, refused)] == ["model_not_found"] * 2
    assert refused.value.param == "model"


def test_errors_are_those_of_the_sdk(server: ServerProcess, client: openai.OpenAI, key: str, model: str) -> None:
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="cab_wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as unknown,
    ):
        stranger.models.list()
    with pytest.raises(openai.BadRequestError) as unknown_field:
        client.embeddings.create(model=model, input="a", extra_body={"colour": "red"})
    headers = {"Authorization": f"Bearer {key}", "OpenAI-Beta": "assistants=v2", "OpenAI-Organization": "org"}
    nowhere = httpx.get(f"{server.url}/v1/nowhere", headers=headers)

    assert unknown.value.code == "invalid_api_key"
    assert unknown_field.value.param == "colour"
    assert unknown_field.value.request_id
    assert nowhere.status_code == 404
    assert set(nowhere.json()["error"]) == {"message", "type", "param", "code"}


def test_an_exhausted_quota_is_not_repeated(server: ServerProcess, model: str) -> None:
    with server.client(server.admin_key) as admin:
        admin.post("/plans", json={"name": "wordless", "tokens_per_month": 1}).raise_for_status()
        created = admin.post("/users", json={"email": "wordless@example.com", "plan": "wordless"}).json()
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=created["api_key"], max_retries=2) as poor,
        pytest.raises(openai.RateLimitError) as refused,
    ):
        poor.embeddings.create(model=model, input=TEXTS[0])

    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"


async def test_the_asynchronous_sdk_also_works(server: ServerProcess, key: str, model: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key) as client:
        answer = await client.embeddings.create(model=model, input="a")

    assert len(answer.data[0].embedding) == 256
