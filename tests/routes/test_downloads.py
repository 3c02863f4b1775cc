"""Downloading a document in parts, and only when it has changed."""

from __future__ import annotations

import random

import pytest

from tests.conftest import Service
from tests.routes.answers import problem
from tests.routes.tenants import Tenant, new_tenant

CONTENT = "".join(random.Random(1).choices("abcdefghijklmnop\n", k=700_000))
SIZE = len(CONTENT)
RANGES = [
    ("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=5-5", 5, 6), ("bytes=699999-", SIZE - 1, SIZE),
    ("bytes=-1", SIZE - 1, SIZE), ("bytes=-300000", SIZE - 300_000, SIZE), ("bytes=-9999999", 0, SIZE),
    ("bytes=100-9999999999", 100, SIZE), ("bytes=65000-600000", 65_000, 600_001), ("Bytes = 1 - 2", 1, 3),
    ("bytes=0-65535", 0, 65536), ("bytes=0-65536", 0, 65537),
]  # fmt: skip


async def large(service: Service) -> tuple[Tenant, str]:
    tenant = await new_tenant(service)
    document = await tenant.upload("large.txt", CONTENT)
    return tenant, f"/documents/{document['id']}/content"


async def test_parts_of_a_file(shared: Service) -> None:
    tenant, path = await large(shared)
    whole = await tenant.get(path)
    assert (whole.status_code, whole.text, whole.headers["accept-ranges"]) == (200, CONTENT, "bytes")
    for header, start, end in RANGES:
        part = await tenant.get(path, headers={"Range": header})
        assert (part.status_code, part.text == CONTENT[start:end]) == (206, True), header
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
        assert part.headers["content-length"] == str(end - start)
        assert part.headers["etag"] == whole.headers["etag"]


@pytest.mark.parametrize(
    "header", ["bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=5-1", "items=0-1", "bytes=a-b", "0-5", "bytes=--5"]
)
async def test_a_range_that_is_not_understood_is_ignored(shared: Service, header: str) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.upload("a.txt", "0123456789")
    whole = await tenant.get(f"/documents/{document['id']}/content", headers={"Range": header})
    assert (whole.status_code, whole.text) == (200, "0123456789")


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=99999999999-", "bytes=-0"])
async def test_a_range_without_bytes_is_refused(shared: Service, header: str) -> None:
    tenant = await new_tenant(shared)
    document = await tenant.upload("a.txt", "0123456789")
    answer = await tenant.get(f"/documents/{document['id']}/content", headers={"Range": header})
    problem(answer, 416, "Range")
    assert answer.headers["content-range"] == "bytes */10"


async def test_the_etag_of_a_file(shared: Service) -> None:
    tenant, path = await large(shared)
    tag = (await tenant.get(path)).headers["etag"]
    same = await tenant.get(path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    part = await tenant.get(path, headers={"Range": "bytes=5-9", "If-Range": tag})
    assert (part.status_code, part.text) == (206, CONTENT[5:10])
    whole = await tenant.get(path, headers={"Range": "bytes=5-9", "If-Range": '"other"'})
    assert (whole.status_code, whole.text) == (200, CONTENT)
    problem(await tenant.get(path, headers={"If-Match": '"other"'}), 412, "If-Match")
    head = await tenant.service.call("HEAD", path, tenant.key, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(SIZE))
