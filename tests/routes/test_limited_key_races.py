"""A key that is limited to one collection deletes a document while its user adds the document to another one."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from svc.routes import documents
from svc.routes.openai import files
from tests.conftest import Service
from tests.database.conftest import until
from tests.routes.answers import ok, problem
from tests.routes.tenants import direct_connection
from tests.routes.test_limited_keys import new_scene


@pytest.mark.parametrize("kind", ["native", "dialect"])
async def test_a_document_that_is_being_added_elsewhere_is_not_deleted(shared: Service, kind: str) -> None:
    """The lock is taken before the check of the collections, and held until the deletion."""
    scene = await new_scene(shared)
    ids = scene.inside
    path = f"/documents/{ids['document_id']}" if kind == "native" else f"/v1/files/{ids['file_id']}"
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    async with direct_connection(shared) as connection, direct_connection(shared) as watching:
        async with connection.transaction():
            document = UUID(ids["document_id"])
            await connection.execute("select id from documents where id = $1 for no key update", document)
            deleting = asyncio.create_task(scene.limited.delete(path))
            await until(lambda: watching.fetchval(waiting))
            await connection.execute(
                "insert into collection_files (user_id, collection_id, file_id, document_id) values ($1, $2, $3, $3)",
                UUID(scene.tenant.id), UUID(scene.outside["collection_id"]), document,
            )  # fmt: skip
        refused = await deleting
    if kind == "native":
        assert "other collections" in problem(refused, 409)["detail"]
    else:
        assert refused.status_code == 409, refused.text
    assert ok(await scene.tenant.get(f"/documents/{ids['document_id']}"))["id"] == ids["document_id"]


@pytest.mark.parametrize("kind", ["native", "dialect"])
async def test_nobody_can_add_a_document_between_the_look_and_its_deletion(
    shared: Service, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await new_scene(shared)
    ids, held = scene.inside, []
    module = documents if kind == "native" else files
    check = module.check_deletable

    async def looked_at_meanwhile(*arguments: Any) -> None:
        await check(*arguments)
        async with direct_connection(shared) as connection:
            try:
                await connection.execute(
                    "select id from documents where id = $1 for no key update nowait", UUID(ids["document_id"])
                )
            except asyncpg.LockNotAvailableError:
                held.append(True)
            else:
                held.append(False)

    monkeypatch.setattr(module, "check_deletable", looked_at_meanwhile)
    path = f"/documents/{ids['document_id']}" if kind == "native" else f"/v1/files/{ids['file_id']}"
    answer = await scene.limited.delete(path)
    assert answer.is_success, answer.text
    assert held
    assert all(held)
