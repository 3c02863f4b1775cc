"""The codes by which clients of the OpenAI API distinguish errors, and missing paths."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from tests.clients.openai.api import Api
from tests.clients.openai.stored import stored
from tests.server_process import ServerProcess


async def test_a_bound_that_a_value_breaks_has_a_code_of_its_own(native: httpx.AsyncClient) -> None:
    store = (await native.post("/v1/vector_stores", json={})).json()["id"]
    static = {"type": "static", "static": {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0}}
    bodies: list[tuple[str, dict[str, Any], str, str]] = [
        ("/v1/vector_stores", {"name": "a" * 256}, "name", "string_above_max_length"),
        ("/v1/vector_stores", {"file_ids": ["file-1"] * 501}, "file_ids", "array_above_max_length"),
        ("/v1/vector_stores", {"chunking_strategy": static}, "chunking_strategy.static.max_chunk_size_tokens",
         "integer_below_min_value"),
        (f"/v1/vector_stores/{store}/file_batches", {"file_ids": []}, "file_ids", "empty_array"),
        (f"/v1/vector_stores/{store}/files",
         {"file_id": "file-1", "attributes": {str(n): 1 for n in range(17)}}, "attributes",
         "object_above_max_properties"),
        (f"/v1/vector_stores/{store}/files", {"file_id": "file-1", "attributes": {"a" * 65: 1}},
         "attributes." + "a" * 65, "string_above_max_length"),
        (f"/v1/vector_stores/{store}/files", {"file_id": "file-1", "attributes": {"a": "x" * 513}}, "attributes.a",
         "string_above_max_length"),
        (f"/v1/vector_stores/{store}/search", {"query": "a", "max_num_results": 51}, "max_num_results",
         "integer_above_max_value"),
        (f"/v1/vector_stores/{store}/search", {"query": "a", "ranking_options": {"score_threshold": 1.5}},
         "ranking_options.score_threshold", "decimal_above_max_value"),
        ("/v1/uploads", {"bytes": 1, "filename": "", "mime_type": "a/b", "purpose": "batch"}, "filename",
         "string_below_min_length"),
    ]  # fmt: skip
    for path, body, param, code in bodies:
        answer = await native.post(path, json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["code"]) == (400, param, code), body


@pytest.mark.parametrize(("limit", "code"), [("0", "integer_below_min_value"), ("101", "integer_above_max_value"),
                                             ("many", "invalid_value")])  # fmt: skip
async def test_a_limit_says_in_which_direction_it_is_wrong(native: httpx.AsyncClient, limit: str, code: str) -> None:
    error = (await native.get("/v1/vector_stores", params={"limit": limit})).json()["error"]
    assert (error["param"], error["code"]) == ("limit", code)


@pytest.mark.parametrize(
    ("filters", "param", "code"),
    [
        ({}, "filters.type", "missing_required_parameter"),
        ({"type": "like", "key": "a", "value": 1}, "filters.type", "invalid_value"),
        ({"type": "eq", "value": 1}, "filters.key", "missing_required_parameter"),
        ({"type": "eq", "key": "a"}, "filters.value", "missing_required_parameter"),
        ({"type": "eq", "key": "a", "value": 1, "b": 1}, "filters.b", "unknown_parameter"),
        ({"type": "and"}, "filters.filters", "missing_required_parameter"),
        ({"type": "or", "filters": []}, "filters.filters", "invalid_value"),
        ([], "filters", "invalid_type"),
    ],
)
async def test_a_wrong_filter_has_the_code_of_its_fault(api: Api, filters: Any, param: str, code: str) -> None:
    store = await api.vector_stores.create()
    with pytest.raises(openai.BadRequestError) as refused:
        await api.vector_stores.search(store.id, query="a", filters=filters)
    assert (refused.value.param, refused.value.code) == (param, code)


async def test_a_form_without_a_file_names_what_is_missing(native: httpx.AsyncClient) -> None:
    answer = await native.post("/v1/files", data={"purpose": "assistants"}, files={"other": (None, b"a")})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, "file", "missing_required_parameter")


async def test_a_large_number_is_refused_by_its_size(api: Api) -> None:
    store, file = await api.vector_stores.create(), await stored(api)
    for number in (1e308, -1e19, 2**63):
        with pytest.raises(openai.BadRequestError, match=r"attributes\.a must be a number from -2\^63 to 2\^63"):
            await api.vector_stores.files.create(store.id, file_id=file, attributes={"a": number})


async def test_a_text_with_a_nul_is_embedded(api: Api) -> None:
    model = (await api.models.list()).data[0].id
    answer = await api.embeddings.create(model=model, input="a\0b", encoding_format="float")
    assert len(answer.data[0].embedding) == 256


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", "/chat/completions"), ("post", "/responses"), ("get", "/assistants"), ("post", "/audio/speech"),
     ("get", "/batches"), ("get", "/nothing"), ("get", "/conversations")],
)  # fmt: skip
async def test_an_absent_path_says_what_to_put_in_front(native: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await native.request(method, f"/v1{path}")
    if path == "/conversations":
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
        return
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (404, "invalid_request_error", "unknown_url")
    assert "gateway such as LiteLLM" in error["message"]


async def test_a_base_url_without_v1_is_explained(server: ServerProcess, key: str) -> None:
    async with openai.AsyncOpenAI(base_url=server.url, api_key=key, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.vector_stores.list()
        assert "below /v1" in refused.value.response.json()["detail"]
