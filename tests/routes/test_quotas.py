"""The limits of a plan: what they refuse, what they say, and that they hold when many come at once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant

LIMITS = ("max_documents", "max_chunks", "max_bytes", "tokens_per_month", "requests_per_minute")


async def limit(service: Service, **limits: int | None) -> None:
    """Let the plan `free` have these limits and no others."""
    async with direct_connection(service) as connection:
        values = [limits.get(name) for name in LIMITS]
        columns = ", ".join(f"{name} = ${number}" for number, name in enumerate(LIMITS, start=1))
        await connection.execute(f"update plans set {columns} where name = 'free'", *values)


def exceeded(answer: httpx.Response, quota: str, used: int, allowed: int) -> dict[str, Any]:
    """The problem document of an answer that says that this limit is reached."""
    document = problem(answer, 403)
    assert document["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert document["violated-policies"] == [document["quota"]] == [quota]
    assert (document["used"], document["allowed"]) == (used, allowed)
    assert f"allows {allowed} " in document["detail"]
    assert f"{used} are used" in document["detail"]
    return document


async def state(tenant: Tenant) -> dict[str, tuple[int, int | None]]:
    """What is used and allowed of each limit."""
    quotas = ok(await tenant.get("/me/quotas"))["quotas"]
    return {quota["quota"]: (quota["used"], quota["allowed"]) for quota in quotas}


async def test_of_64_uploads_at_once_against_a_quota_of_10_exactly_10_are_taken(idle: Service) -> None:
    tenant = await new_tenant(idle)
    await limit(idle, max_documents=10)
    answers = await asyncio.gather(
        *(tenant.post("/documents", json={"filename": f"{n}.txt", "content": f"text {n}"}) for n in range(64))
    )
    taken = [ok(answer, 202)["id"] for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert (len(taken), len(refused)) == (10, 54)
    for answer in refused:
        exceeded(answer, "documents", 10, 10)
    assert {document["id"] for document in ok(await tenant.get("/documents"))["data"]} == set(taken)
    assert (await state(tenant))["documents"] == (10, 10)
    # None lost: each that was taken is in the queue with its bytes, and nothing of the others is.
    async with direct_connection(idle) as connection:
        for table in ("documents", "document_contents", "ingestion_jobs"):
            assert await connection.fetchval(f"select count(*) from {table}") == 10, table
