"""`POST /search?explain=true` shows the admin the statement, its plan, and the time of each part."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.conftest import ADMIN_KEY, Service, running_service, test_settings

QUERY = {"query": "How far away is the Moon?", "limit": 3}


@pytest.fixture
async def bits_service(database_url: str) -> AsyncIterator[Service]:
    """A service whose searches never use the exact lane."""
    async with running_service(test_settings(exact_max_rows=0), database_url) as service:
        yield service


def steps(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step["steps"]:
        yield from steps(below)


async def explained(service: Service, user: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await service.call("POST", "/search?explain=true", ADMIN_KEY, json=body, headers={"Cabinet-User": user})
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return dict(response.json())


async def test_an_explanation_comes_with_the_results(service: Service) -> None:
    user, key = await service.user("ada@example.org")
    await service.ready_document(key, "moon.txt", "The Moon is 384,400 km away.")
    plain = (await service.call("POST", "/search", key, json=QUERY)).json()

    answer = await explained(service, user, QUERY)

    assert answer["results"] == plain["results"]
    assert "explanation" not in plain
    explanation = answer["explanation"]
    assert explanation["statement"] == "search/hybrid_exact_all"
    assert all(explanation[name] > 0 for name in ("embedding_ms", "search_ms", "planning_ms", "execution_ms"))
    found = list(steps(explanation["plan"]))
    assert explanation["plan"]["rows"] == len(plain["results"])
    assert {"chunk_vectors", "chunks", "documents"} <= {
        word for step in found for word in step["step"].replace('"', "").split()
    }
    # The conditions do not contain the components of vectors.
    assert len(json.dumps(explanation)) < 20_000


async def test_the_explanation_names_the_statement_of_the_lane(bits_service: Service) -> None:
    user, key = await bits_service.user("ada@example.org")
    await bits_service.ready_document(key, "moon.txt", "The Moon is 384,400 km away.")

    answer = await explained(bits_service, user, {**QUERY, "file_types": ["text"], "threshold": -1.0})

    assert answer["lane"] == "bits"
    assert answer["explanation"]["statement"] == "search/hybrid_bits"
    without_filters = await explained(bits_service, user, QUERY)
    assert without_filters["explanation"]["statement"] == "search/hybrid_bits_all"
    of_mode = {"hybrid": "search/hybrid_exact_all", "meaning": "search/exact_all", "keyword": "search/keyword_all"}
    for mode, statement in of_mode.items():
        exact = await explained(bits_service, user, {"query": QUERY["query"], "mode": mode, "recall": "exact"})
        assert (exact["lane"], exact["explanation"]["statement"]) == ("exact", statement)


async def test_only_the_admin_gets_an_explanation(service: Service) -> None:
    _, key = await service.user("ada@example.org")

    response = await service.call("POST", "/search?explain=true", key, json=QUERY)

    assert response.status_code == 403
    assert "admin" in response.json()["detail"]
    assert (await service.call("POST", "/search?explain=false", key, json=QUERY)).status_code == 200
    assert (await service.call("POST", "/search?explain=perhaps", key, json=QUERY)).status_code == 422


async def test_an_explanation_contains_no_data_of_other_tenants(service: Service) -> None:
    user, key = await service.user("ada@example.org")
    other, other_key = await service.user("eve@example.org")
    await service.ready_document(key, "moon.txt", "The Moon is 384,400 km away.")
    await service.ready_document(other_key, "moon.txt", "The Moon is made of a secret cheese.")

    text = json.dumps(await explained(service, user, QUERY))

    assert other not in text
    assert "cheese" not in text


async def test_an_explained_search_counts_once(service: Service) -> None:
    user, key = await service.user("ada@example.org")
    await service.call("POST", "/search", key, json=QUERY)
    await explained(service, user, QUERY)

    await service.services.usage.flush()
    usage = (await service.call("GET", "/usage", key)).json()

    assert sum(day["searches"] for day in usage["data"]) == 2
