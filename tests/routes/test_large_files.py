"""Files of several parts: stored and read part by part, transferred and erased with all parts."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from svc import batches
from svc.errors import UnavailableError
from svc.ingest.file_bytes import MAX_PART_BYTES, FileBytes
from svc.jobs import sweep
from tests.conftest import ADMIN_KEY, Service
from tests.routes.answers import done, ok, problem
from tests.routes.tenants import Tenant, direct_connection, new_tenant, rows_of

SIZE = 2 * MAX_PART_BYTES + 12_345
CONTENT = random.Random(7).randbytes(SIZE)
EDGES = [
    (0, 1), (MAX_PART_BYTES - 1, MAX_PART_BYTES + 1), (MAX_PART_BYTES, MAX_PART_BYTES + 1), (SIZE - 1, SIZE),
    (1000, SIZE - 1000), (2 * MAX_PART_BYTES - 70_000, 2 * MAX_PART_BYTES + 70),
]  # fmt: skip
TO_THE_OLD_FORM = """
with whole as (
    update document_contents as b set content = (
        select string_agg(p.content, '' order by p.first_byte) from file_parts as p where p.document_id = b.document_id
    ) where b.document_id = $1 returning b.document_id
)
delete from file_parts as p using whole as w where p.document_id = w.document_id"""


async def kept(tenant: Tenant) -> str:
    """Store the file without reading it; returns the id of the document."""
    answer = await tenant.post("/v1/files", files={"file": ("large.bin", CONTENT)}, data={"purpose": "user_data"})
    return str(UUID(ok(answer)["id"].removeprefix("file-")))


async def part_sizes(service: Service, document_id: str) -> tuple[int, list[int]]:
    """The bytes in `document_contents`, and those of each part."""
    async with direct_connection(service) as connection:
        whole = await connection.fetchval(
            "select octet_length(content) from document_contents where document_id = $1", UUID(document_id)
        )
        parts = await connection.fetch(
            "select octet_length(content) from file_parts where document_id = $1 order by first_byte", UUID(document_id)
        )
    return whole, [part[0] for part in parts]


async def check_content(tenant: Tenant, document_id: str) -> None:
    """Check that a download returns the sent bytes, whole and by range."""
    path = f"/documents/{document_id}/content"
    whole = await tenant.get(path)
    assert (whole.status_code, whole.content == CONTENT) == (200, True)
    for start, end in EDGES:
        part = await tenant.get(path, headers={"Range": f"bytes={start}-{end - 1}"})
        assert (part.status_code, part.content == CONTENT[start:end]) == (206, True), (start, end)
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    last = await tenant.get(path, headers={"Range": "bytes=-70000"})
    assert last.content == CONTENT[-70_000:]
    problem(await tenant.get(path, headers={"Range": f"bytes={SIZE}-"}), 416, "Range")


async def test_a_file_is_stored_in_parts_and_read_whole_and_by_range(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    document_id = await kept(tenant)
    assert await part_sizes(quiet, document_id) == (0, [MAX_PART_BYTES, MAX_PART_BYTES, 12_345])
    assert ok(await tenant.get(f"/documents/{document_id}"))["file_size"] == SIZE
    await check_content(tenant, document_id)
    # Files that an older release stored have no parts.
    async with direct_connection(quiet) as connection:
        await connection.execute(TO_THE_OLD_FORM, UUID(document_id))
    assert await part_sizes(quiet, document_id) == (SIZE, [])
    await check_content(tenant, document_id)


async def test_a_document_in_parts_is_read_to_its_end(tenant: Tenant) -> None:
    text = "\n\n".join(f"Paragraph {n} says nothing. " * 40 for n in range(1_000)) + "\n\nThe last word is kumquat."
    assert len(text) > MAX_PART_BYTES
    sent = await tenant.post("/documents", files={"file": ("long.txt", text.encode())})
    document = await tenant.ended(ok(sent, 202)["id"])
    assert (document["status"], document["file_size"]) == ("ready", len(text))
    last = f"/documents/{document['id']}/chunks?after={document['chunk_count'] - 2}"
    assert "kumquat" in ok(await tenant.get(last))["data"][-1]["content"]


async def test_an_upload_that_fails_within_leaves_nothing(quiet: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = await new_tenant(quiet)

    async def two_parts(self: FileBytes) -> AsyncIterator[bytes]:
        yield CONTENT[:MAX_PART_BYTES]
        yield CONTENT[MAX_PART_BYTES : 2 * MAX_PART_BYTES]
        raise UnavailableError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(FileBytes, "digest", lambda self: _digest())
        patch.setattr(FileBytes, "parts", two_parts)
        answer = await tenant.post("/v1/files", files={"file": ("large.bin", CONTENT)}, data={"purpose": "user_data"})
    assert answer.status_code == 503
    assert not {"documents", "document_contents", "file_parts"} & (await rows_of(quiet, tenant.id)).keys()


async def _digest() -> bytes:
    return bytes(32)


async def test_a_file_that_does_not_fit_into_the_plan_is_refused_before_its_parts_are_stored(quiet: Service) -> None:
    tenant = await new_tenant(quiet)
    plan = {"name": "small-files", "max_bytes": SIZE - 1}
    ok(await quiet.call("POST", "/plans", json=plan), 201)
    ok(await quiet.call("PATCH", f"/users/{tenant.id}", json={"plan": "small-files"}))
    answer = await tenant.post("/v1/files", files={"file": ("large.bin", CONTENT)}, data={"purpose": "user_data"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "insufficient_quota")
    assert "file_parts" not in await rows_of(quiet, tenant.id)


async def test_all_parts_are_given_to_another_user_and_back(quiet: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    # More than one statement for the parts of one file.
    monkeypatch.setattr(batches, "TRANSFERRED_BYTES", MAX_PART_BYTES)
    giver, receiver = await new_tenant(quiet), await new_tenant(quiet)
    document_id = await kept(giver)
    for one, other in ((giver, receiver), (receiver, giver)):
        body = {"document_ids": [document_id], "to_user": other.id}
        headers = {"Cabinet-User": one.id}
        ok(await quiet.call("POST", "/documents/transfer", ADMIN_KEY, json=body, headers=headers))
        await check_content(other, document_id)
        assert not {"document_contents", "file_parts"} & (await rows_of(quiet, one.id)).keys()


@pytest.mark.parametrize("erased_parts", [10_000, 2], ids=["at once", "by the sweep"])
async def test_all_parts_are_erased(idle: Service, monkeypatch: pytest.MonkeyPatch, erased_parts: int) -> None:
    monkeypatch.setattr(batches, "ERASED_PARTS", erased_parts)
    monkeypatch.setattr(batches, "SWEPT_FILE_PARTS", 1)
    tenant = await new_tenant(idle)
    document_id = await kept(tenant)
    done(await tenant.delete(f"/documents/{document_id}"))
    problem(await tenant.get(f"/documents/{document_id}/content"), 404)
    assert ("file_parts" in await rows_of(idle, tenant.id)) == (erased_parts == 2)
    await sweep.sweep_left_over(idle.services.database)
    assert not {"document_contents", "file_parts"} & (await rows_of(idle, tenant.id)).keys()


async def test_a_user_is_erased_with_the_parts(idle: Service) -> None:
    tenant = await new_tenant(idle)
    await kept(tenant)
    ok(await idle.call("DELETE", f"/users/{tenant.id}"))
    assert await rows_of(idle, tenant.id) == {}
