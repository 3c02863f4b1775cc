"""Accepted and refused search requests. `tests/search/` tests the results."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import Service
from tests.routes.answers import done, ok, problem, statements
from tests.routes.tenants import Tenant, direct_connection

RESULT_FIELDS = {
    "chunk_id", "document_id", "filename", "chunk_index", "content", "metadata", "similarity", "distance",
    "keyword_score", "score", "token_count", "duplicates",
}  # fmt: skip
ONES = [1.0] * 256


async def test_a_question_finds_the_document_that_answers_it(tenant: Tenant) -> None:
    moon = await tenant.ready_document("moon.txt", "The Moon orbits the Earth once in 27 days.", topic="astronomy")
    await tenant.ready_document("bread.txt", "Bread is baked from flour, water, salt and yeast.", topic="kitchen")
    await tenant.ready_document("law.txt", "The court of appeal dismissed the claim for damages.", topic="law")
    answer = await tenant.post("/search", json={"query": "how long does the moon take around the earth"})
    found = ok(answer)
    assert found.keys() == {"results", "mode", "lane"}
    assert (found["mode"], found["lane"]) == ("hybrid", "exact")
    assert all(result.keys() == RESULT_FIELDS for result in found["results"])
    best = found["results"][0]
    assert (best["document_id"], best["filename"], best["chunk_index"]) == (moon["id"], "moon.txt", 0)
    assert best["content"] == "The Moon orbits the Earth once in 27 days."
    assert best["metadata"] == {"topic": "astronomy", "start": 0, "end": len(best["content"])}
    assert best["similarity"] == pytest.approx(1 - best["distance"])
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3


async def test_a_search_by_text_runs_one_statement(tenant: Tenant) -> None:
    await tenant.ready_document("a.txt", "Some text.")
    # The first search reads the counts of the tenant's terms.
    assert statements(await tenant.post("/search", json={"query": "text"})) <= 3
    assert statements(await tenant.post("/search", json={"query": "another text"})) == 1


async def test_a_result_has_the_metadata_of_its_chunk_and_of_its_document(tenant: Tenant) -> None:
    document = await tenant.ready_document("a.txt", "Some text.", topic="the document's", tags=[1])
    async with direct_connection(tenant.service) as connection:
        await connection.execute(
            """update chunks set metadata = '{"page": 3, "topic": "the chunk''s"}' where document_id = $1""",
            UUID(document["id"]),
        )
    (result,) = ok(await tenant.post("/search", json={"query": "text"}))["results"]
    assert result["metadata"] == {"page": 3, "topic": "the chunk's", "tags": [1]}


async def test_the_page_of_a_chunk_is_not_hidden_by_metadata_of_the_document(tenant: Tenant) -> None:
    await tenant.ready_document("a.md", "# Leave\n\nSome text.", heading="mine", start=-1, page=7)
    (result,) = ok(await tenant.post("/search", json={"query": "text"}))["results"]
    assert result["metadata"] == {"heading": ["Leave"], "start": 0, "end": 19, "page": 7}


async def test_a_search_sees_changed_filenames_and_metadata(tenant: Tenant) -> None:
    document = await tenant.ready_document("old.txt", "Some text.", state="old")
    ok(await tenant.patch(f"/documents/{document['id']}", json={"filename": "new.txt", "metadata": {"state": "new"}}))
    body = {"query": "text", "metadata": {"state": "new"}}
    (result,) = ok(await tenant.post("/search", json=body))["results"]
    assert (result["filename"], result["metadata"]) == ("new.txt", {"state": "new", "start": 0, "end": 10})
    assert ok(await tenant.post("/search", json={"query": "text", "metadata": {"state": "old"}}))["results"] == []


async def test_a_document_that_is_not_ready_is_not_found(idle: Service) -> None:
    user_id, key = await idle.user("a@example.org")
    tenant = Tenant(idle, user_id, key)
    await tenant.upload("a.txt", "Some text.")
    assert ok(await tenant.post("/search", json={"query": "Some text."}))["results"] == []


WRONG: list[tuple[dict[str, Any], str]] = [
    # Either a query or an embedding is required.
    ({}, "query"),
    ({"query": None, "embedding": None}, "query"),
    ({"query": "text", "embedding": ONES, "mode": "meaning"}, "query"),
    ({"query": ""}, "query"),
    ({"query": " \n\t\u00a0\u2003"}, "query"),
    ({"query": 5}, "query"),
    ({"query": "q" * 32_769}, "query"),
    # The embedding must fit the model.
    ({"embedding": []}, "embedding"),
    ({"embedding": ONES[:-1]}, "embedding"),
    ({"embedding": [*ONES, 1.0]}, "embedding"),
    ({"embedding": [1.0] * 4001}, "embedding"),
    ({"embedding": [0.0] * 256}, "embedding"),
    ({"embedding": [-0.0] * 256}, "embedding"),
    ({"embedding": [1e-9] * 256}, "embedding"),
    ({"embedding": [1e-320] * 256}, "embedding"),
    ({"embedding": [*ONES[:-1], 65504.1]}, "embedding"),
    ({"embedding": [*ONES[:-1], -1e300]}, "embedding"),
    ({"embedding": [*ONES[:-1], 10**40]}, "embedding"),
    ({"embedding": ["NaN", *ONES[1:]]}, "embedding[0]"),
    ({"embedding": [*ONES[:-1], "Infinity"]}, "embedding[255]"),
    ({"embedding": [*ONES[:-1], None]}, "embedding[255]"),
    ({"embedding": [*ONES[:-1], True]}, "embedding[255]"),
    ({"embedding": [ONES]}, "embedding[0]"),
    ({"embedding": "1,2,3"}, "embedding"),
    # the rest
    ({"query": "a", "limit": 0}, "limit"),
    ({"query": "a", "limit": 101}, "limit"),
    ({"query": "a", "limit": 2.5}, "limit"),
    ({"query": "a", "limit": "5"}, "limit"),
    ({"query": "a", "limit": None}, "limit"),
    ({"query": "a", "threshold": "0.5"}, "threshold"),
    ({"query": "a", "threshold": [0.5]}, "threshold"),
    ({"query": "a", "metric": "manhattan"}, "metric"),
    ({"query": "a", "metric": None}, "metric"),
    ({"query": "a", "document_ids": "all"}, "document_ids"),
    ({"query": "a", "document_ids": ["x"]}, "document_ids[0]"),
    ({"query": "a", "document_ids": [str(uuid4())] * 1001}, "document_ids"),
    ({"query": "a", "metadata": ["a"]}, "metadata"),
    ({"query": "a", "metadata": {"a": "\x00"}}, "metadata.a"),
    ({"query": "a", "metadata": {"a": "x" * 16_384}}, "metadata"),
    ({"query": "a", "metadata": {"a": 2**70}}, "metadata.a"),
    ({"query": "a", "file_types": "pdf"}, "file_types"),
    ({"query": "a", "file_types": ["pdf", "exe"]}, "file_types[1]"),
    ({"query": "a", "file_types": ["pdf"] * 11}, "file_types"),
    ({"query": "a", "uploaded_after": "yesterday"}, "uploaded_after"),
    ({"query": "a", "uploaded_after": "2025-01-01"}, "uploaded_after"),
    ({"query": "a", "uploaded_after": "2025-01-01T00:00:00"}, "uploaded_after"),
    ({"query": "a", "uploaded_after": 1735689600}, "uploaded_after"),
    ({"query": "a", "uploaded_after": "0001-01-01T00:00:00+14:00"}, "uploaded_after"),
    ({"query": "a", "uploaded_before": "9999-12-31T23:59:59-14:00"}, "uploaded_before"),
    ({"query": "a", "user_id": str(uuid4())}, "user_id"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_is_named(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    problem(await tenant.post("/search", json=body), 422, field)


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"])
async def test_nan_and_infinity_are_named(tenant: Tenant, literal: bytes) -> None:
    status = 422 if literal.endswith(b"1e999") else 400
    for place in (0, 255):
        components = [b"1"] * 256
        components[place] = literal
        answer = await send_raw(tenant, b'{"embedding": [' + b", ".join(components) + b"]}")
        problem(answer, status, f"embedding[{place}]")
    problem(await send_raw(tenant, b'{"query": "a", "threshold": ' + literal + b"}"), status, "threshold")
    if status == 400:
        problem(
            await send_raw(tenant, b'{"query": "a", "metadata": {"a": [1, ' + literal + b"]}}"), 400, "metadata.a[1]"
        )
        problem(await send_raw(tenant, literal), 400, "(body)")


@pytest.mark.parametrize("literal", [b"nan", b"inf", b"0x1", b"1_0", b".5", b"+1", b"01", b"1.", b"NaN, x"])
async def test_invalid_json_is_refused(tenant: Tenant, literal: bytes) -> None:
    problem(await send_raw(tenant, b'{"embedding": [' + b"1, " * 255 + literal + b"]}"), 400)
    problem(await send_raw(tenant, b'{"query": "a", "threshold": ' + literal + b"}"), 400)


async def send_raw(tenant: Tenant, body: bytes) -> httpx.Response:
    """Send a body that a JSON library would not write."""
    return await tenant.post("/search", content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("literal", "why"),
    [
        ("1e300", r"component 255 is 1e\+300, outside ±65504"),
        ("-70000", "component 255 is -70000, outside ±65504"),
        ("65504.00000001", "outside ±65504"),
        ("1e38", "outside ±65504"),
    ],
)
async def test_a_component_that_is_too_large_is_named_with_its_index(tenant: Tenant, literal: str, why: str) -> None:
    answer = await send_raw(tenant, f'{{"embedding": [{"1, " * 255}{literal}]}}'.encode())
    assert re.search(why, problem(answer, 422, "embedding")["detail"])


@pytest.mark.parametrize("value", [0.0, 2.0**-25, -(2.0**-25), 1e-9, 1e-45, 5e-324])
async def test_a_vector_that_underflows_to_zero_is_refused_and_the_smallest_other_accepted(
    tenant: Tenant, value: float
) -> None:
    detail = problem(await tenant.post("/search", json={"embedding": [value] * 256}), 422, "embedding")["detail"]
    assert "zero" in detail
    least = [value] * 255 + [2.0**-24]
    assert ok(await tenant.post("/search", json={"embedding": least}))["results"] == []


async def test_null_means_the_same_as_an_omitted_field(tenant: Tenant) -> None:
    await tenant.ready_document("a.txt", "Some text.")
    nulls = dict.fromkeys(
        ("embedding", "threshold", "document_ids", "metadata", "file_types", "uploaded_after", "uploaded_before")
    )
    plain = ok(await tenant.post("/search", json={"query": "text"}))
    assert ok(await tenant.post("/search", json={"query": "text", **nulls})) == plain
    assert len(plain["results"]) == 1


async def test_integers_are_accepted_as_components(tenant: Tenant) -> None:
    await tenant.ready_document("a.txt", "Some text.")
    whole = ok(await tenant.post("/search", json={"embedding": [1] * 256}))
    assert whole == ok(await tenant.post("/search", json={"embedding": ONES}))
    assert len(whole["results"]) == 1


async def test_a_long_query_is_accepted(tenant: Tenant) -> None:
    document = await tenant.ready_document("a.txt", "Some text.")
    results = ok(await tenant.post("/search", json={"query": "some text " * 3276}))["results"]
    assert [result["document_id"] for result in results] == [document["id"]]


async def test_a_search_in_a_conversation_is_limited_to_its_documents(tenant: Tenant) -> None:
    one, two, three = [(await tenant.ready_document(f"{n}.txt", f"Some text, {n}."))["id"] for n in range(3)]
    conversation = await tenant.conversation(document_ids=[one, two])

    async def found(**body: Any) -> list[str]:
        answer = ok(await tenant.post("/search", json={"query": "text", "conversation_id": conversation["id"], **body}))
        return sorted(result["document_id"] for result in answer["results"])

    assert await found() == [one, two]
    assert await found(document_ids=[two, three]) == [two]
    assert await found(document_ids=[three]) == []
    assert await found(metric="l2", limit=1, document_ids=[one]) == [one]
    ok(await tenant.patch(f"/conversations/{conversation['id']}", json={"document_ids": [three]}))
    assert await found() == [three]
    done(await tenant.delete(f"/documents/{three}"))
    assert await found() == [], "a conversation whose last document was deleted still limits the search"


async def test_a_search_in_a_conversation_without_documents_finds_nothing(tenant: Tenant) -> None:
    await tenant.ready_document("a.txt", "Some text.")
    conversation = await tenant.conversation()
    body = {"query": "text", "conversation_id": conversation["id"]}
    answer = await tenant.post("/search", json=body)
    assert ok(answer)["results"] == []
    assert statements(answer) <= 3


async def test_an_unknown_conversation_is_refused(tenant: Tenant) -> None:
    for conversation_id in (str(uuid4()), "no-uuid"):
        body = {"query": "text", "conversation_id": conversation_id}
        problem(await tenant.post("/search", json=body), 422, "conversation_id")
