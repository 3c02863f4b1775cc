"""Details of answers that apply to every route: headers, errors, unknown routes and methods."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec
import openai
import pytest

from svc.app import openai_endpoints
from svc.web.routing import Endpoint
from tests.clients.openai.api import Api
from tests.routes.endpoints import name_of
from tests.server_process import ServerProcess

WORDS = ["red", "blue", "old", "far", "cold", "bright"]
FIELDS = {"message", "type", "param", "code"}


async def test_a_route_that_is_not_there_is_an_error_of_the_dialect(native: httpx.AsyncClient) -> None:
    unknown = {
        ("POST", "/v1/chat/completions"): 404, ("POST", "/v1/responses"): 404, ("GET", "/v1/assistants"): 404,
        ("GET", "/v1/nowhere"): 404, ("GET", "/v1"): 404, ("PUT", "/v1/files"): 405,
        ("PATCH", "/v1/vector_stores"): 405, ("GET", "/v1/embeddings"): 405,
    }  # fmt: skip
    for (method, path), status in unknown.items():
        answer = await native.request(method, path, json={})
        assert answer.status_code == status, (method, path, answer.text)
        assert set(answer.json()["error"]) == FIELDS, (method, path)
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_message_of_an_absent_route_says_what_to_do(api: Api) -> None:
    with pytest.raises(openai.NotFoundError, match=r"(?i)chat|completions|gateway|no such"):
        await api.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "a"}])


async def test_a_key_is_taken_from_the_header_alone(server: ServerProcess, key: str) -> None:
    wrong = [
        {},
        {"Authorization": key},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {key}"},
        {"api-key": key},
    ]
    async with httpx.AsyncClient(base_url=server.url) as client:
        for headers in wrong:
            answer = await client.get("/v1/models", headers=headers)
            assert answer.status_code == 401, headers
            assert set(answer.json()["error"]) == FIELDS
        assert (await client.get("/v1/models", headers={"Authorization": f"bearer {key}"})).status_code == 200


async def test_the_errors_of_bodies_name_the_parameter(native: httpx.AsyncClient) -> None:
    bodies = {
        "/v1/vector_stores": ({"name": 5}, "name"), "/v1/embeddings": ({"model": "m"}, "input"),
        "/v1/conversations": ({"metadata": {"a": 1}}, "metadata.a"),
        "/v1/conversations/conv_1/items": ({"items": {}}, "items"),
        "/v1/vector_stores/vs_1/search": ({"query": 5}, "query"),
        "/v1/vector_stores/vs_1/files": ({}, "file_id"),
        "/v1/vector_stores/vs_1/file_batches": ({}, "file_ids"),
    }  # fmt: skip
    for path, (body, param) in bodies.items():
        answer = await native.post(path, json=body)
        assert answer.status_code == 400, (path, answer.text)
        assert answer.json()["error"]["param"] == param, (path, answer.text)


@pytest.mark.parametrize("endpoint", [each for each in openai_endpoints() if each.body is not None], ids=name_of)
async def test_null_means_that_an_optional_field_is_omitted(native: httpx.AsyncClient, endpoint: Endpoint) -> None:
    # LiteLLM, for example, sends null for each field that its caller omits.
    body = endpoint.body
    assert body is not None
    optional = [field.encode_name for field in msgspec.structs.fields(body) if not field.required]
    given = {**dict.fromkeys(optional), **endpoint.extra["example"]}
    # The objects in the path do not exist, nor does the model of the example.
    answer = await native.post(re.sub(r"\{\w+\}", "x", endpoint.path), json=given)
    assert answer.status_code in (200, 404), answer.text


async def test_embeddings_take_what_the_sdk_can_send(api: Api, native: httpx.AsyncClient) -> None:
    model = (await api.models.list()).data[0].id
    one = await api.embeddings.create(model=model, input="The Moon", user="u-1", encoding_format="float")
    listed = await api.embeddings.create(model=model, input=["The Moon"], encoding_format="float")
    many = await api.embeddings.create(model=model, input=[f"{word} Moon" for word in WORDS], encoding_format="float")
    encoded = {"model": model, "input": "a", "encoding_format": "base64"}
    raw = (await native.post("/v1/embeddings", json=encoded)).json()

    assert (one.object, one.data[0].object, one.data[0].index) == ("list", "embedding", 0)
    assert one.data[0].embedding == listed.data[0].embedding
    assert [each.index for each in many.data] == list(range(len(WORDS)))
    assert len({tuple(each.embedding) for each in many.data}) == len(WORDS)
    assert isinstance(raw["data"][0]["embedding"], str)
    assert one.usage.total_tokens == one.usage.prompt_tokens > 0
    for wrong, param in (({"dimensions": 0}, "dimensions"), ({"encoding_format": "int8"}, "encoding_format")):
        with pytest.raises(openai.BadRequestError) as error:
            await api.embeddings.create(model=model, input="a", **wrong)
        assert error.value.param == param


async def test_models_are_a_list_and_one_model(api: Api) -> None:
    page = await api.models.list()
    only = page.data[0]

    assert page.object == "list"
    assert [model.id async for model in api.models.list()] == [only.id]
    assert (await api.models.retrieve(only.id)).to_dict() == only.to_dict()
    assert only.to_dict().keys() >= {"id", "object", "created", "owned_by"}


async def test_the_code_of_an_error_says_of_which_kind_it_is(native: httpx.AsyncClient) -> None:
    codes: list[tuple[str, Any, str | None, str]] = [
        ("/v1/vector_stores", {"colour": "red"}, "colour", "unknown_parameter"),
        ("/v1/vector_stores", {"name": 1}, "name", "invalid_type"),
        ("/v1/vector_stores", {"name": "x" * 300}, "name", "string_above_max_length"),
        ("/v1/vector_stores", {"file_ids": "a"}, "file_ids", "invalid_type"),
        ("/v1/vector_stores", {"expires_after": {"days": 1}}, "expires_after.anchor", "missing_required_parameter"),
        ("/v1/vector_stores", {"chunking_strategy": {"type": "odd"}}, "chunking_strategy.type", "invalid_value"),
        ("/v1/vector_stores", [], None, "invalid_type"),
        ("/v1/embeddings", {"input": True, "model": "m"}, "input", "invalid_type"),
        ("/v1/embeddings", {"input": "a"}, "model", "missing_required_parameter"),
        ("/v1/embeddings", {"input": "a", "model": "m", "encoding_format": "x"}, "encoding_format", "invalid_value"),
        ("/v1/conversations", {"metadata": {"a": None}}, "metadata.a", "invalid_type"),
    ]
    for path, body, param, code in codes:
        error = (await native.post(path, json=body)).json()["error"]
        assert (error["param"], error["code"]) == (param, code), (body, error)
    listed = (await native.get("/v1/files", params={"limit": 0})).json()["error"]
    assert (listed["param"], listed["code"]) == ("limit", "integer_below_min_value")
    cursor = (await native.get("/v1/files", params={"after": "odd"})).json()["error"]
    assert (cursor["param"], cursor["code"]) == ("after", "invalid_value")
    assert (await native.put("/v1/files")).json()["error"]["code"] == "method_not_allowed"


async def test_an_answer_has_the_headers_of_the_openai_api(native: httpx.AsyncClient) -> None:
    for path, status in (("/v1/files", 200), ("/v1/files/never", 404)):
        answer = await native.get(path)
        assert answer.status_code == status
        assert 0 <= int(answer.headers["openai-processing-ms"]) < 60_000
        assert answer.headers["openai-version"] == "2020-10-01"
    assert "openai-processing-ms" not in (await native.get("/documents")).headers


@pytest.mark.parametrize(
    ("given", "param"),
    [("", "input"), (" ", "input"), ([""], "input[0]"), (["a", ""], "input[1]"), ("word " * 9000, "input")],
)
async def test_an_input_without_a_list_has_no_place_in_one(api: Api, given: Any, param: str) -> None:
    model = (await api.models.list()).data[0].id
    with pytest.raises(openai.BadRequestError) as error:
        await api.embeddings.create(model=model, input=given)
    assert error.value.param == param


async def test_a_message_names_every_fault(native: httpx.AsyncClient) -> None:
    answer = await native.post("/v1/uploads", json={})
    for name in ("bytes", "filename", "mime_type", "purpose"):
        assert f"{name} is required" in answer.json()["error"]["message"]


async def test_a_request_without_a_body_is_one_without_fields(native: httpx.AsyncClient) -> None:
    for path in ("/v1/vector_stores", "/v1/conversations"):
        assert (await native.post(path)).status_code == 200
    missing = await native.post("/v1/embeddings")
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "missing_required_parameter")
    assert (await native.post("/collections")).status_code == 415
