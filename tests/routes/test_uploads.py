"""Uploads as JSON and as multipart/form-data, and downloads of the bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from tests.conftest import Service, running_service, test_settings
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, new_tenant

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 40
UPLOAD_LIMIT = 10_000


def part(disposition: str, content: bytes = b"Some text.", more: str = "") -> bytes:
    """Return one part with literal headers, which a client library would normalise."""
    head = f"--cut\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


async def multipart(tenant: Tenant, *parts: bytes, charset: str = "") -> httpx.Response:
    headers = {"Content-Type": f"multipart/form-data; boundary=cut{charset}"}
    return await tenant.post("/documents", content=b"".join(parts) + b"--cut--\r\n", headers=headers)


async def test_json_reads_back_as_it_was_sent(tenant: Tenant) -> None:
    content = "Zeile 1\r\n\tZeile 2 — ünïcode 🦊 \u0000 \u202e end\n"
    metadata = {"Größe": [1, 2.5, None, True, {"": "empty key"}], "text": "a\nb", "n": -(2**63) + 1}
    document = await tenant.upload("Straße & Co.txt", content, **metadata)
    assert (document["filename"], document["metadata"]) == ("Straße & Co.txt", metadata)
    assert document["file_size"] == len(content.encode())
    answer = await tenant.get(f"/documents/{document['id']}/content")
    assert answer.status_code == 200
    assert answer.content == content.encode()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_multipart_reads_back_byte_for_byte(tenant: Tenant) -> None:
    content = "Café, naïve\r\n--not a boundary\r\n".encode("latin-1") + b"\r\n\r\nend"
    files = {"file": ("café.txt", content, "text/plain")}
    answer = await tenant.post("/documents", files=files, data={"metadata": '{"topic": ["a", 1]}'})
    document = ok(answer, 202)
    assert (document["filename"], document["metadata"]) == ("café.txt", {"topic": ["a", 1]})
    assert document["file_size"] == len(content)
    assert (await tenant.get(f"/documents/{document['id']}/content")).content == content
    assert (await tenant.ended(document["id"]))["status"] == "ready"


async def test_a_large_file_reads_back_byte_for_byte(tenant: Tenant) -> None:
    """The file is larger than the part kept in memory during an upload, and its size is not a round number."""
    content = bytes(range(32, 127)) * 31_337
    document = ok(await tenant.post("/documents", files={"file": ("large.csv", content)}), 202)
    assert document["file_type"] == "csv"
    assert (await tenant.get(f"/documents/{document['id']}/content")).content == content
    await tenant.delete(f"/documents/{document['id']}")


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('name="file"; filename="plain.txt"', "plain.txt"),
        ("name=file; filename=bare.txt", "bare.txt"),
        ('name="file"; filename="say \\"hello\\".txt"', 'say "hello".txt'),
        ('name="file"; filename="it\'s; really.txt"', "it's; really.txt"),
        ('name="file"; filename="näïve 文書 🦊.txt"', "näïve 文書 🦊.txt"),
        ('name="file"; filename="../../etc/passwd"', "etc/passwd"),
        ('name="file"; filename="/docs/./a.md"', "docs/a.md"),
        ('name="file"; filename="=?utf-8?B?R3LDvMOfZS50eHQ=?="', "Grüße.txt"),
        ('name="file"; filename="=?iso-8859-1?Q?caf=E9.txt?="', "café.txt"),
        ('name="file"; filename="=?nothing?B?AA==?="', "=?nothing?B?AA==?="),
        ('name="file"; filename="C:\\\\Users\\\\me\\\\a.txt"', "a.txt"),
        # RFC 7578 forbids filename* in multipart/form-data, so the plain filename is used.
        ('name="file"; filename="plain.txt"; filename*=UTF-8\'\'other.txt', "plain.txt"),
        ('filename="first.txt"; name="file"', "first.txt"),
        ("name=\"file\"; filename*=UTF-8''na%C3%AFve%20%22a%22%5Cb.txt", 'naïve "a"\\b.txt'),
        ("name=\"file\"; FileName*=iso-8859-1'fr'caf%E9.txt", "café.txt"),
        ("name=\"file\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "etc/passwd"),
    ],
)
async def test_the_filename_of_the_part(tenant: Tenant, disposition: str, filename: str) -> None:
    document = ok(await multipart(tenant, part(disposition)), 202)
    assert document["filename"] == filename
    answer = await tenant.get(f"/documents/{document['id']}/content")
    # The header must be plain ASCII for every name.
    disposition = answer.headers["content-disposition"]
    assert disposition.isascii()
    encoding, _, encoded = disposition.removeprefix("attachment; filename*=").partition("''")
    assert encoding == "UTF-8"
    assert unquote(encoded) == filename


async def test_the_filename_field_takes_precedence_over_that_of_the_part(tenant: Tenant) -> None:
    body = (part('name="file"; filename="part.txt"'), part('name="filename"', "eigener Näme.md".encode()))
    document = ok(await multipart(tenant, *body), 202)
    assert (document["filename"], document["file_type"]) == ("eigener Näme.md", "markdown")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([part('name="metadata"', b"{}")], "file"),
        ([part('name="file"', b"a text, but no file")], "file"),
        ([part("name=\"file\"; filename*=idna''only.txt")], "file"),
        ([part("name=\"file\"; filename*=UTF-8''%FF.txt")], "file"),
        ([part("name=\"file; filename*=UTF-8''quoted.txt\"")], "file"),
        ([part("name=\"file\"; filename*=UTF-8''nul%00.txt")], "filename"),
        ([part('name="upload"; filename="a.txt"')], "file"),
        ([part('name="file"; filename="a.txt"'), part('name="title"', b"x")], "title"),
        ([part('name="file"; filename=""')], "filename"),
        ([part('name="file"; filename="a.txt"'), *[part('name="filename"', b"b.txt")] * 2], "filename"),
        ([part('name="file"; filename="a.txt"'), *[part('name="metadata"', b"{}")] * 2], "metadata"),
        ([part(f'name="file"; filename="{"n" * 256}"')], "filename"),
        ([part('name="file"; filename="nul\x00.txt"')], "filename"),
        ([part('name="file"; filename="a.txt"', b"")], "content"),
        ([part('name="file"; filename="a.txt"'), part('name="metadata"', b"[1]")], "metadata"),
        ([part('name="file"; filename="a.txt"'), part('name="metadata"', b"{not json")], "metadata"),
        ([part('name="file"; filename="a.txt"'), part('name="metadata"', b"")], "metadata"),
        ([part('name="file"; filename="a.txt"'), part('name="metadata"', b'{"a": "\\u0000"}')], "metadata.a"),
        ([part('name="file"; filename="a.txt"'), part('name="metadata"', b"[" * 50_000)], "metadata"),
        ([part('name="file"; filename="a.txt"'), part('name="metadata"', b'{"a": 1e999}')], "metadata"),
    ],
)
async def test_a_wrong_part_is_named(tenant: Tenant, parts: list[bytes], field: str) -> None:
    problem(await multipart(tenant, *parts), 422, field)
    assert ok(await tenant.get("/documents"))["data"] == []


FILE = part('name="file"; filename="a.txt"')
KIND = "multipart/form-data; boundary=cut"
END = b"--cut--\r\n"
BROKEN: list[tuple[bytes, str]] = [
    (FILE + END, "multipart/form-data"),
    (FILE + END, "multipart/form-data; boundary="),
    (FILE + END, "multipart/form-data; boundary=" + "b" * 300),
    (FILE + END, "multipart/form-data; boundary=another"),
    (b"no boundary at all", KIND),
    (b"--cut\r\nno header\r\n\r\ntext\r\n" + END, KIND),
    (b"--cut\r\nContent-Disposition: form-data\r\n\r\ntext\r\n" + END, KIND),
    (b"--cut\r\nX-A: b\r\n\r\ntext\r\n" + END, KIND),
    (FILE + FILE + END, KIND),
    (FILE + part('name="metadata"', b"{}") * 9 + END, KIND),
    (FILE + part('name="metadata"', b"x" * 70_000) + END, KIND),
    (FILE, KIND),
    (FILE[:40], KIND),
    (b"", KIND),
]


@pytest.mark.parametrize(("body", "kind"), BROKEN, ids=range(len(BROKEN)))
async def test_a_broken_multipart_body_is_refused(tenant: Tenant, body: bytes, kind: str) -> None:
    answer = await tenant.post("/documents", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)
    assert ok(await tenant.get("/documents"))["data"] == []


CHARSETS = ["utf-8", "latin-1", "utf-16", "idna", "unicode_escape", "undefined", "no-such-charset", '"']


@pytest.mark.parametrize("charset", CHARSETS)
async def test_the_text_of_a_part_is_utf_8_whatever_charset_is_declared(tenant: Tenant, charset: str) -> None:
    metadata = '{"Größe": "\\ud83e\\udd8a"}'.encode()
    parts = (part('name="file"; filename="näïve 文書 \\\\ud800.txt"'), part('name="metadata"', metadata))

    document = ok(await multipart(tenant, *parts, charset=f"; charset={charset}"), 202)

    assert (document["filename"], document["metadata"]) == ("näïve 文書 \\ud800.txt", {"Größe": "🦊"})


@pytest.mark.parametrize("charset", ["", *(f"; charset={charset}" for charset in CHARSETS)])
async def test_a_text_that_is_not_utf_8_is_refused(tenant: Tenant, charset: str) -> None:
    other = 'name="file"; filename="näïve.txt"'.encode("latin-1")
    named = b"--cut\r\nContent-Disposition: form-data; " + other + b"\r\n\r\nSome text.\r\n"
    problem(await multipart(tenant, named, charset=charset), 422, "filename")
    for field in ("filename", "metadata", "on_conflict", "expires_at"):
        answer = await multipart(tenant, FILE, part(f'name="{field}"', b'"\xe4\xff"'), charset=charset)
        problem(answer, 422, field)
    assert ok(await tenant.get("/documents"))["data"] == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"content": "a"}, "filename"),
    ({"filename": "a.txt"}, "content"),
    ({"filename": "", "content": "a"}, "filename"),
    ({"filename": "f" * 256, "content": "a"}, "filename"),
    ({"filename": "nul\x00", "content": "a"}, "filename"),
    ({"filename": None, "content": "a"}, "filename"),
    ({"filename": "a.txt", "content": ""}, "content"),
    ({"filename": "a.txt", "content": 5}, "content"),
    ({"filename": "a.txt", "content": "a", "metadata": "{}"}, "metadata"),
    ({"filename": "a.txt", "content": "a", "metadata": None}, "metadata"),
    ({"filename": "a.txt", "content": "a", "metadata": {"k": {"v": "\x00"}}}, "metadata.k.v"),
    ({"filename": "a.txt", "content": "a", "metadata": {"k\x00": 1}}, "metadata (a key)"),
    ({"filename": "a.txt", "content": "a", "metadata": {"n": 10**30}}, "metadata.n"),
    ({"filename": "a.txt", "content": "a", "status": "ready"}, "status"),
    ({"filename": "a.txt", "content": "a", "user_id": "00000000-0000-0000-0000-000000000000"}, "user_id"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{field}-{n}" for n, (_, field) in enumerate(WRONG)])
async def test_a_wrong_field_is_named(tenant: Tenant, body: dict[str, Any], field: str) -> None:
    problem(await tenant.post("/documents", json=body), 422, field)
    assert ok(await tenant.get("/documents"))["data"] == []


async def test_an_image_is_refused_whatever_it_is_called(tenant: Tenant) -> None:
    for filename in ("cat.png", "cat.txt", "cat.pdf"):
        answer = await tenant.post("/documents", files={"file": (filename, PNG, "text/plain")})
        detail = problem(answer, 415, "content")["detail"]
        assert "PNG" in detail
    assert ok(await tenant.get("/documents"))["data"] == []


async def test_the_content_determines_the_type(tenant: Tenant) -> None:
    page = "<!doctype html><html><body><h1>Title</h1><p>Text</p></body></html>"
    types = {}
    for filename, content in (("a.txt", page), ("b.md", "# Title\n\ntext"), ("c.csv", "a,b\n1,2\n"), ("d", "text")):
        types[filename] = (await tenant.upload(filename, content))["file_type"]
    assert types == {"a.txt": "html", "b.md": "markdown", "c.csv": "csv", "d": "text"}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/pdf", ""])
async def test_another_content_type_is_refused(tenant: Tenant, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    problem(await tenant.post("/documents", content=b"filename=a&content=b", headers=headers), 415, "Content-Type")


async def in_pieces(content: bytes, sizes: int = 4_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), sizes):
        yield content[start : start + sizes]


async def test_the_limit_of_an_upload_holds_however_it_is_sent(database_url: str) -> None:
    """The limit is exact to the byte, with and without Content-Length."""
    async with running_service(
        test_settings(max_upload_bytes=UPLOAD_LIMIT, worker_concurrency=0), database_url
    ) as service:
        tenant = await new_tenant(service)
        fits, over, far_over = (b"a" * size for size in (UPLOAD_LIMIT, UPLOAD_LIMIT + 1, 200_000))
        for content, status in ((fits, 202), (over, 413), (far_over, 413)):
            body = json.dumps({"filename": "a.txt", "content": content.decode()}).encode()
            form = part('name="file"; filename="a.txt"', content) + b"--cut--\r\n"
            for kind, sent in (("application/json", body), ("multipart/form-data; boundary=cut", form)):
                headers = {"Content-Type": kind}
                declared = await tenant.post("/documents", content=sent, headers=headers)
                assert "content-length" in declared.request.headers
                chunked = await tenant.post("/documents", content=in_pieces(sent), headers=headers)
                assert "content-length" not in chunked.request.headers
                for answer in (declared, chunked):
                    if status == 413:
                        assert str(UPLOAD_LIMIT) in problem(answer, 413)["detail"]
                    else:
                        ok(answer, 202)
        # JSON can write one byte of the document as six characters.
        escaped = b'{"filename": "a.txt", "content": "%s"}' % (b"\\u0061" * UPLOAD_LIMIT)
        headers = {"Content-Type": "application/json"}
        assert ok(await tenant.post("/documents", content=escaped, headers=headers), 202)["file_size"] == UPLOAD_LIMIT


async def test_an_upload_over_the_limit_is_not_read_completely(database_url: str) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 50_000_000:
            read += 10_000
            yield b"--cut\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n".ljust(10_000, b"a")

    async with running_service(
        test_settings(max_upload_bytes=UPLOAD_LIMIT, worker_concurrency=0), database_url
    ) as service:
        tenant = await new_tenant(service)
        for kind in ("application/json", "multipart/form-data; boundary=cut"):
            read = 0
            problem(await tenant.post("/documents", content=endless(), headers={"Content-Type": kind}), 413)
            assert read < 500_000
        declared = {"Content-Type": "multipart/form-data; boundary=cut", "Content-Length": "50000000"}
        read = 0
        problem(await tenant.post("/documents", content=endless(), headers=declared), 413)
        assert read == 0, "the declared length is enough to refuse it"


async def test_the_admin_uploads_for_a_user(shared: Service, tenant: Tenant) -> None:
    body = {"filename": "a.txt", "content": "By the admin."}
    acting = {"Cabinet-User": tenant.id}
    document = ok(await shared.call("POST", "/documents", json=body, headers=acting), 202)
    assert ok(await tenant.get("/documents"))["data"][0]["id"] == document["id"]


@pytest.mark.parametrize("coding", ["gzip", "identity, gzip", "br", "deflate", "GZIP", "x"])
async def test_a_compressed_body_is_refused(tenant: Tenant, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    body = gzip.compress(b'{"query": "moon"}')
    for path, more in (("/search", {"content": body}), ("/documents", {"files": {"file": ("a.txt", body)}})):
        headers |= {"Content-Type": "application/json"} if path == "/search" else {}
        answer = await tenant.post(path, headers=headers, **more)
        assert answer.status_code == 415, answer.text
        assert answer.json()["errors"][0]["field"] == "Content-Encoding"
        headers.pop("Content-Type", None)


async def test_a_body_that_says_that_it_is_not_compressed_is_read(tenant: Tenant) -> None:
    ok(await tenant.post("/search", json={"query": "moon"}, headers={"Content-Encoding": "identity"}))


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 400_000, 5_000_000])
async def test_a_file_is_downloaded_in_parts(service: Service, size: int) -> None:
    tenant = await new_tenant(service)
    content = (bytes(range(32, 127)) * (size // 95 + 1))[:size]
    document = ok(await tenant.post("/documents", files={"file": ("large.csv", content)}), 202)
    path = f"/documents/{document['id']}/content"
    answer = await tenant.get(path)
    assert answer.headers["content-length"] == str(size)
    assert answer.content == content
    head = await service.call("HEAD", path, tenant.key)
    assert (head.headers["content-length"], head.content) == (str(size), b"")


CYRILLIC = "Свет.".encode("cp1251")  # Too short for guessing the encoding.


async def test_the_encoding_that_a_file_declares_is_that_of_its_bytes(tenant: Tenant) -> None:
    async def read(name: str, content: bytes, kind: str) -> str:
        parts = part(f'name="file"; filename="{name}"', content, f"Content-Type: {kind}\r\n")
        document = ok(await multipart(tenant, parts, charset="; charset=koi8-r"), 202)
        assert (await tenant.get(f"/documents/{document['id']}/content")).content == content
        assert (await tenant.ended(document["id"]))["status"] == "ready"
        return (await tenant.get(f"/documents/{document['id']}/text")).text

    assert await read("a.txt", CYRILLIC, "text/plain; charset=windows-1251") == "Свет."
    assert await read("a.md", CYRILLIC, 'text/markdown; Charset="CP1251"') == "Свет."
    html = b'<meta charset="iso-8859-1"><p>' + CYRILLIC
    assert await read("a.html", html, "text/html; charset=windows-1251") == "Свет."
    assert await read("a.txt", "Свет.".encode(), "text/plain; charset=windows-1251") == "Свет."
    for other in ("idna", "unicode_escape", "zip", "undefined", "no-such-charset", "../cp1251"):
        assert await read("a.txt", b"a\\u0041 \xe9t\xe9", f"text/plain; charset={other}") == "a\\u0041 été"
