"""Uploads in parts that are never completed, or that several requests complete or cancel concurrently."""

from __future__ import annotations

import asyncio
from functools import partial
from uuid import UUID

import pytest

from svc import batches
from svc.background import Background
from svc.jobs.expired_uploads import sweep_uploads
from svc.jobs.sweep import sweep_turn
from tests.conftest import PATIENCE_S, Service
from tests.routes.answers import ok
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of

CONTENT = bytes(range(256)) * 8192
TABLES = {"uploads", "upload_parts", "upload_bytes"}


async def begun(tenant: Tenant, *parts: bytes) -> tuple[str, list[str]]:
    """The id of a new upload of `CONTENT`, and the ids of its parts."""
    body = {"bytes": len(CONTENT), "filename": "a.bin", "mime_type": "application/pdf", "purpose": "user_data"}
    upload_id = ok(await tenant.post("/v1/uploads", json=body))["id"]
    path = f"/v1/uploads/{upload_id}/parts"
    return upload_id, [ok(await tenant.post(path, files={"data": ("data", part)}))["id"] for part in parts]


async def expire(service: Service, upload_id: str) -> None:
    async with direct_connection(service) as connection:
        await connection.execute(
            "update uploads set expires_at = now() where id = $1", UUID(upload_id.removeprefix("upload_"))
        )


async def test_an_expired_upload_takes_nothing_and_is_swept(idle: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SWEPT_FILE_PARTS", 1)
    tenant = await new_tenant(idle)
    upload_id, part_ids = await begun(tenant, CONTENT)
    pending, _ = await begun(tenant, CONTENT[:9])
    await expire(idle, upload_id)
    path = f"/v1/uploads/{upload_id}"
    for answer in (
        await tenant.post(f"{path}/parts", files={"data": ("data", b"more")}),
        await tenant.post(f"{path}/complete", json={"part_ids": part_ids}),
        await tenant.post(f"{path}/cancel"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "upload_expired")
    sweeping = Background().keep(partial(sweep_turn, idle.services.database), name="sweep")
    try:
        async with asyncio.timeout(PATIENCE_S):
            while (await tenant.post(f"{path}/cancel")).status_code != 404:  # noqa: ASYNC110 - the sweep tells nobody
                await asyncio.sleep(0.05)
    finally:
        await sweeping.stop()
    rows = await rows_of(idle, tenant.id)
    assert {table: rows[table] for table in TABLES} == dict.fromkeys(TABLES, 1)
    assert ok(await tenant.post(f"/v1/uploads/{pending}/cancel"))["status"] == "cancelled"


async def test_an_upload_that_expires_while_it_is_completed_keeps_its_bytes(idle: Service) -> None:
    tenant = await new_tenant(idle)
    upload_id, _ = await begun(tenant, CONTENT)
    await expire(idle, upload_id)
    # The lock of a completion that began earlier.
    async with direct_connection(idle) as connection, connection.transaction():
        await connection.execute(
            "select from uploads where id = $1 for no key update", UUID(upload_id.removeprefix("upload_"))
        )
        await sweep_uploads(idle.services.database)
        assert (await rows_of(idle, tenant.id)).keys() >= TABLES
    await sweep_uploads(idle.services.database)
    assert not TABLES & (await rows_of(idle, tenant.id)).keys()


async def test_an_upload_that_ended_leaves_its_document_and_no_bytes(idle: Service) -> None:
    tenant = await new_tenant(idle)
    upload_id, part_ids = await begun(tenant, CONTENT)
    file = ok(await tenant.post(f"/v1/uploads/{upload_id}/complete", json={"part_ids": part_ids}))["file"]
    cancelled, _ = await begun(tenant, CONTENT)
    ok(await tenant.post(f"/v1/uploads/{cancelled}/cancel"))
    assert "upload_bytes" not in await rows_of(idle, tenant.id)
    for id_ in (upload_id, cancelled):
        await expire(idle, id_)
    assert await sweep_uploads(idle.services.database) == 2
    assert not TABLES & (await rows_of(idle, tenant.id)).keys()
    assert (await tenant.get(f"/v1/files/{file['id']}/content")).content == CONTENT


async def test_one_of_several_concurrent_completions_succeeds(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    upload_id, part_ids = await begun(tenant, CONTENT[:1_500_000], CONTENT[1_500_000:])
    path = f"/v1/uploads/{upload_id}"
    answers = await asyncio.gather(
        *(tenant.post(f"{path}/complete", json={"part_ids": part_ids}) for _ in range(4)),
        *(tenant.post(f"{path}/parts", files={"data": ("data", CONTENT)}) for _ in range(2)),
        tenant.post(f"{path}/cancel"),
    )
    ended = [a.json()["status"] for a in (*answers[:4], answers[6]) if a.status_code == 200]
    assert len(ended) == 1, [answer.text for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 400}
    files = ok(await tenant.get("/v1/files"))["data"]
    assert len(files) == (ended == ["completed"])
    if files:
        assert (await tenant.get(f"/v1/files/{files[0]['id']}/content")).content == CONTENT


async def test_concurrent_uploads_keep_to_the_limits(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    body = {"bytes": 1, "filename": "a", "mime_type": "text/plain", "purpose": "user_data"}
    answers = await asyncio.gather(*(tenant.post("/v1/uploads", json=body) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [400] * 10


async def test_a_user_is_erased_with_pending_uploads(idle: Service) -> None:
    tenant = await new_tenant(idle)
    await begun(tenant, CONTENT)
    ok(await idle.call("DELETE", f"/users/{tenant.id}"))
    assert await rows_of(idle, tenant.id) == {}
