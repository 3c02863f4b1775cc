"""The text of a document as it was read, at the positions that chunks and results name."""

from __future__ import annotations

import pytest

from tests.conftest import Service
from tests.routes.answers import problem
from tests.routes.tenants import Tenant, new_tenant

TEXT = "# Ports\n\n" + "\n\n".join(
    f"## Port {number}\n\nThe port of Näs {number} 🚢 has {number * 3} berths. " + "Ships lie there in winter. " * 40
    for number in range(60)
).replace(". \n", ".\n")


async def read(tenant: Tenant, document_id: str, query: str = "") -> str:
    answer = await tenant.get(f"/documents/{document_id}/text{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    return answer.content.decode()


async def test_the_text_is_that_of_the_chunks(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("ports.md", TEXT)
    assert document["chunk_count"] > 30
    text = await read(tenant, document["id"])
    assert text.split() == TEXT.split()
    page = (await tenant.get(f"/documents/{document['id']}/chunks?limit=100")).json()["data"]
    for chunk in page:
        start, end = chunk["metadata"]["start"], chunk["metadata"]["end"]
        assert text[start:end] == chunk["content"]
    start, end = page[20]["metadata"]["start"], page[20]["metadata"]["end"]
    assert await read(tenant, document["id"], f"?offset={start}&limit={end - start}") == page[20]["content"]
    assert await read(tenant, document["id"], f"?offset={start - 7}&limit={end - start}") == text[start - 7 : end - 7]


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("?limit=1", 0, 1), ("?offset=9", 9, None), ("?offset=30000&limit=20000", 30_000, 50_000),
        ("?offset=9999999", 9_999_999, None), ("?offset=2147483646&limit=2147483646", 2**31, None),
    ],
)  # fmt: skip
async def test_a_part_of_the_text(shared: Service, query: str, first: int, last: int | None) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("ports.md", TEXT)
    whole = await read(tenant, document["id"])
    assert await read(tenant, document["id"], query) == whole[first:last]


async def test_results_of_a_search_are_found_in_the_text(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("ports.md", TEXT)
    answer = await tenant.post("/search", json={"query": "berths of port 17", "limit": 3})
    for result in answer.json()["results"]:
        start, end = result["metadata"]["start"], result["metadata"]["end"]
        assert await read(tenant, document["id"], f"?offset={start}&limit={end - start}") == result["content"]


@pytest.mark.parametrize("query", ["?offset=-1", "?limit=0", "?offset=2147483647", "?offset=a", "?first=1"])
async def test_a_part_that_cannot_be(shared: Service, query: str) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.ready_document("a.txt", "One.")
    problem(await tenant.get(f"/documents/{document['id']}/text{query}"), 422)


async def test_a_document_that_is_not_ready_has_no_text(shared: Service) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.upload("a.txt", "One.")
    refused = problem(await tenant.get(f"/documents/{document['id']}/text"), 409)
    assert "this one has status processing" in refused["detail"]
