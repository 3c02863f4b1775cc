"""Documents in chunks from the client, with or without vectors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from svc.fields.long_lists import begins_list, divide
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant

DIMENSIONS = 256
TEXTS = ["The Moon is far away.", "The Sun 🌞 is farther.", "The\tstars are farthest.\n", "Comets come and go."]


def vector(seed: int) -> list[float]:
    return [float(number) for number in np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float16)]


async def given(tenant: Tenant, chunks: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Upload chunks and wait until the document is ready."""
    answer = ok(await tenant.post("/documents", json={"filename": "sky", "chunks": chunks, **fields}), 202)
    return await tenant.ended(answer["id"])


async def embedded_tokens(tenant: Tenant) -> int:
    quotas = ok(await tenant.get("/me/quotas"))["quotas"]
    return int(next(quota["used"] for quota in quotas if quota["quota"] == "tokens"))


async def test_chunks_are_stored_as_given(tenant: Tenant) -> None:
    chunks: list[dict[str, Any]] = [
        {"content": TEXTS[0], "metadata": {"page": 1, "heading": ["Sky"]}, "embedding": vector(1)},
        {"content": TEXTS[1], "metadata": {"page": 2, "own": [1, None]}},
        {"content": TEXTS[2], "embedding": vector(3)},
        {"content": TEXTS[3]},
    ]
    document = await given(tenant, chunks, metadata={"topic": "sky"})
    assert (document["status"], document["file_type"], document["chunk_count"]) == ("ready", "chunks", 4)
    stored = await tenant.chunks(document["id"])
    assert [chunk["content"] for chunk in stored] == TEXTS
    text = (await tenant.get(f"/documents/{document['id']}/text")).text
    assert text == "\n\n".join(TEXTS)
    for chunk, sent in zip(stored, chunks, strict=True):
        places = chunk["metadata"].pop("start"), chunk["metadata"].pop("end")
        assert text[slice(*places)] == sent["content"]
        assert chunk["metadata"] == sent.get("metadata", {})
        assert chunk["token_count"] > 0
    part = await tenant.get(f"/documents/{document['id']}/text?offset=25&limit=9")
    assert part.text == text[25:34]

    for seed, content in ((1, TEXTS[0]), (3, TEXTS[2])):
        body = {"embedding": vector(seed), "limit": 1, "recall": "exact"}
        [found] = ok(await tenant.post("/search", json=body))["results"]
        assert (found["content"], round(found["similarity"], 3)) == (content, 1.0)
    [found] = ok(await tenant.post("/search", json={"query": "comets", "mode": "keyword", "limit": 1}))["results"]
    assert found["content"] == TEXTS[3]
    assert found["metadata"]["topic"] == "sky"
    filter_ = {"type": "eq", "key": "file_type", "value": "chunks"}
    assert ok(await tenant.get("/documents", params={"filter": json.dumps(filter_)}))["data"] == [document]
    lines = (await tenant.get(f"/documents/{document['id']}/content")).text.splitlines()
    assert [json.loads(line) for line in lines] == [
        {name: value for name, value in chunk.items() if value} for chunk in chunks
    ]


async def test_a_vector_of_the_clients_is_not_taken_for_the_models(tenant: Tenant) -> None:
    """Only texts without a vector count as embedded tokens, and an equal text gets the vector of the model."""
    before = await embedded_tokens(tenant)
    await given(tenant, [{"content": TEXTS[0], "embedding": vector(1)}])
    assert await embedded_tokens(tenant) == before
    other = await given(tenant, [{"content": TEXTS[0]}])
    async with direct_connection(tenant.service) as connection:
        similar = await connection.fetchval(
            "select count(distinct embedding) from chunk_vectors where user_id = $1", tenant.id
        )
    assert (similar, other["status"]) == (2, "ready")
    assert await embedded_tokens(tenant) > before


async def test_chunks_of_a_document_can_be_sent_again(tenant: Tenant) -> None:
    """The answers of `GET …/chunks`, with positions and overlaps, result in the same text."""
    text = "# Ports\n\n" + "\n\n".join(f"## Port {n}\n\n" + f"Ships lie in port {n}. " * 60 for n in range(8))
    first = await tenant.ready_document("ports.md", text)
    chunks = [
        {name: chunk[name] for name in ("content", "metadata")}
        for chunk in ok(await tenant.get(f"/documents/{first['id']}/chunks?limit=100"))["data"]
    ]
    again = await given(tenant, chunks)
    texts = [(await tenant.get(f"/documents/{each['id']}/text")).text for each in (first, again)]
    assert texts[0] == texts[1]


async def test_a_chunk_upload_takes_effect_once(tenant: Tenant) -> None:
    body: dict[str, Any] = {"filename": "sky", "chunks": [{"content": TEXTS[0]}]}
    first = ok(await tenant.post("/documents", json=body, headers={"Idempotency-Key": "a"}), 202)
    again = await tenant.post("/documents", json=body, headers={"Idempotency-Key": "a"})
    assert (ok(again, 202)["id"], again.headers["Idempotency-Replayed"]) == (first["id"], "true")
    await tenant.ended(first["id"])
    skipped = await tenant.post("/documents", json={**body, "on_conflict": "skip"})
    assert ok(skipped)["id"] == first["id"]
    body["chunks"].append({"content": TEXTS[1]})
    problem(await tenant.post("/documents", json=body, headers={"Idempotency-Key": "a"}), 422)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no chunk": ({"chunks": []}, "chunks"),
    "a blank chunk": ({"chunks": [{"content": "a"}, {"content": " \n"}]}, "chunks[1].content"),
    "a NUL": ({"chunks": [{"content": "a\0"}]}, "chunks[0].content"),
    "a long chunk": ({"chunks": [{"content": "a" * 32_769}]}, "chunks[0].content"),
    "another dimension": ({"chunks": [{"content": "a", "embedding": [0.5] * 3}]}, "chunks[0].embedding"),
    "zeros": ({"chunks": [{"content": "a", "embedding": [0.0] * DIMENSIONS}]}, "chunks[0].embedding"),
    "too large": ({"chunks": [{"content": "a", "embedding": [1e9] * DIMENSIONS}]}, "chunks[0].embedding"),
    "an unknown field": ({"chunks": [{"content": "a", "text": "b"}]}, "chunks[0].text"),
    "large metadata": ({"chunks": [{"content": "a", "metadata": {"a": "b" * 17_000}}]}, "chunks[0].metadata"),
    "a wrong place": ({"chunks": [{"content": "a", "metadata": {"start": 0, "end": 9}}]}, "chunks[0].metadata"),
    "a far place": (
        {"chunks": [{"content": "a", "metadata": {"start": 10**15, "end": 10**15 + 1}}]}, "chunks[0].metadata",
    ),
    "one place": (
        {"chunks": [{"content": "a", "metadata": {"start": 0, "end": 1}}, {"content": "b"}]}, "chunks[1].metadata",
    ),
    "both": ({"content": "a", "chunks": [{"content": "a"}]}, "content"),
}  # fmt: skip


@pytest.mark.parametrize("padding", [0, 300_000], ids=["short", "long"])
async def test_a_wrong_chunk_is_named(tenant: Tenant, padding: int) -> None:
    """The short body is decoded as a whole, the long one chunk by chunk; the answers are the same."""
    for case, (body, field) in WRONG.items():
        chunks = [*body["chunks"], *({"content": "x" * 30_000} for _ in range(padding // 30_000))]
        if not body["chunks"]:
            chunks = []
        answer = problem(await tenant.post("/documents", json={"filename": "sky", **body, "chunks": chunks}), 422)
        assert answer["errors"][0]["field"] == field, case
        assert field in answer["errors"][0]["detail"], case
    problem(await tenant.post("/documents", json={"chunks": [{"content": "x" * 30_000}] * (1 + padding // 9_000)}), 422)


async def test_many_chunks_are_read_one_by_one(shared: Service) -> None:
    tenant = await new_tenant(shared)
    chunks = [{"content": f'chunk {number} "]}},[{{" \\', "embedding": vector(number)} for number in range(400)]
    document = await given(tenant, chunks)
    assert (document["status"], document["chunk_count"]) == ("ready", 400)
    assert [chunk["content"] for chunk in await tenant.chunks(document["id"])] == [
        chunk["content"] for chunk in chunks[:100]
    ]


def test_a_long_list_is_divided_like_a_decoder_would() -> None:
    items = [{"a": [1, {"b": "]"}], "c": '\\"}'}, {}, {"chunks": [{"x": 1}]}]
    document = {"metadata": {"chunks": [1]}, "z": "chunks", "chunks": items, "filename": "x"}
    for indent in (None, 3):
        data = json.dumps(document, indent=indent).encode()
        assert begins_list(data, "chunks")
        rest, places = divide(data, "chunks", 10)
        assert [json.loads(data[start:end]) for start, end in places] == items
        assert json.loads(rest) == {**document, "chunks": []}
    assert not begins_list(b'{"a": {"chunks": [', "chunks")
    for broken in ("[{} {}]", "[{},]", "[,{}]", "[1]", "[{}, 1]", '["a"]', "[{}", "[{}}]", "[[]]"):
        with pytest.raises(Exception, match="list chunks is not valid"):
            divide(f'{{"chunks": {broken}}}'.encode(), "chunks", 10)
    with pytest.raises(Exception, match="more than 2 items"):
        divide(b'{"chunks": [{},{},{}]}', "chunks", 2)
