"""Strings that often break programs, in every text field of a request.

Accepted text is returned unchanged, refused text is answered with a problem document, and no string causes a 500. A
document that contains such text becomes ready, or gets status error with a reason.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from svc.fields.filenames import decoded_words, inner_path
from tests.conftest import Service
from tests.routes.answers import ok, problem
from tests.routes.tenants import Tenant, new_tenant

WORST = [
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\ufeff", "\u200b", "\u200b\u200c\u200d\u2060",
    "\u202e\u2066abc",
    "\u2028\u2029", "".join(map(chr, range(1, 32))), "\x7f\x80\x9f", "\ufffe\uffff\U0010ffff", "\ue000\U000f0000",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳", "e" + "\u0301" * 200, "👩‍👩‍👧‍👦🏳️‍🌈🇦🇶", "ﷺ﷽", "İıſßẞΣς", "مرحبا \u200f עולם", "𝕿𝖍𝖊", "ｆｕｌｌ",
    "'; drop table users; --", "\\", "\\0", "\\u0000", '"', "`", "$1", "${jndi:ldap://x}", "{{7*7}}",
    "%s%n%00", "../../etc/passwd",
    "C:\\con\\aux", "<script>alert(1)</script>", "a\r\n\r\nHTTP/1.1 200", "null", "NaN", "1e400", "-0", "[]", "{}",
    "GIF89a", "%PDF-1.7", "PK\x03\x04", "=cmd|' /C calc'!A0", "a" * 255, "🦊" * 255, "a" * 256, "line\nline\rline\ttab",
]  # fmt: skip
LIST = Path(__file__).resolve().parents[3] / "shared" / "data" / "blns.json"
ROUND = 40


def naughty() -> list[str]:
    """Return the built-in strings, and those of the big list if it is installed."""
    return WORST + (json.loads(LIST.read_text()) if LIST.is_file() else [])


def rounds() -> Iterator[list[str]]:
    """Yield the strings in groups."""
    strings = naughty()
    yield from (strings[start : start + ROUND] for start in range(0, len(strings), ROUND))


async def send(tenant: Tenant, method: str, path: str, body: Any, key: str | None = None) -> httpx.Response:
    """Send JSON in plain ASCII, which can express lone surrogates."""
    headers = {"Content-Type": "application/json"}
    content = json.dumps(body).encode("ascii")
    return await tenant.service.call(method, path, key or tenant.key, content=content, headers=headers)


def is_accepted(answer: httpx.Response) -> bool:
    """Return whether the answer is a success; otherwise, check that it is a problem document."""
    if answer.is_success:
        return True
    assert answer.status_code in (400, 415, 422), f"{answer.status_code}: {answer.text}"
    problem(answer, answer.status_code)
    return False


def can_be_stored(text: str) -> bool:
    """Return whether PostgreSQL can store the text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def test_the_big_list_is_there() -> None:
    if not LIST.is_file():
        pytest.skip(f"{LIST} does not exist: only the built-in strings are tested")
    assert len(naughty()) > 500


async def test_titles(tenant: Tenant) -> None:
    for text in naughty():
        answer = await send(tenant, "POST", "/conversations", {"title": text})
        assert is_accepted(answer) == (can_be_stored(text) and len(text) <= 255), repr(text)
        if answer.is_success:
            again = ok(await tenant.get(f"/conversations/{answer.json()['id']}"))
            assert answer.json()["title"] == again["title"] == text


async def test_the_contents_of_messages(tenant: Tenant) -> None:
    path = f"/conversations/{(await tenant.conversation())['id']}/messages"
    stored: list[str] = []
    for texts in rounds():
        fine = [text for text in texts if text and can_be_stored(text)]
        assert is_accepted(await send(tenant, "POST", path, [{"role": "user", "content": text} for text in fine]))
        stored += fine
        for text in set(texts) - set(fine):
            assert not is_accepted(await send(tenant, "POST", path, {"role": "user", "content": text})), repr(text)
    read: list[str] = []
    for after in range(0, len(stored), 100):
        page = ok(await tenant.get(path, params={"limit": 100, "after": after}))
        read += [message["content"] for message in page["data"]]
    assert read == stored
    assert len(read) > 40


async def test_the_keys_and_values_of_metadata(tenant: Tenant) -> None:
    conversation = f"/conversations/{(await tenant.conversation())['id']}"
    document = f"/documents/{(await tenant.upload('a.txt', 'text'))['id']}"
    places = [(conversation, "metadata"), (document, "metadata"), (f"/users/{tenant.id}", "preferences")]
    for texts in rounds():
        fine = [text for text in texts if can_be_stored(text)]
        keys = {text: {text: [text]} for text in fine}
        value = {"values": fine, "keys": keys}
        for path, field in places:
            assert is_accepted(await send(tenant, "PATCH", path, {field: value}))
            assert ok(await tenant.get(path))[field] == value
        # A key that begins with $ is taken for an operator of another service, and refused.
        sought = {**value, "keys": {key: item for key, item in keys.items() if not key.startswith("$")}}
        assert ok(await send(tenant, "POST", "/search", {"query": "text", "metadata": sought}))["lane"] == "exact"
        for text in set(texts) - set(fine):
            for wrong in ({"value": [text]}, {text: 1}):
                for path, field in places:
                    assert not is_accepted(await send(tenant, "PATCH", path, {field: wrong})), repr(text)
                assert not is_accepted(await send(tenant, "POST", "/search", {"query": "text", "metadata": wrong}))


async def test_names(tenant: Tenant) -> None:
    for text in naughty():
        answer = await send(tenant, "PATCH", f"/users/{tenant.id}", {"name": text})
        assert is_accepted(answer) == (can_be_stored(text) and len(text) <= 255), repr(text)
        if answer.is_success:
            assert ok(await tenant.get("/me"))["name"] == text
        answer = await send(tenant, "POST", "/keys", {"name": text})
        assert is_accepted(answer) == (can_be_stored(text) and len(text) <= 255), repr(text)
        if answer.is_success:
            assert ok(await tenant.get("/keys", params={"limit": 1}))["data"][0]["name"] == text


async def test_email_addresses(tenant: Tenant) -> None:
    path, accepted = f"/users/{tenant.id}", 0
    for text in naughty():
        for email in (text, f"{text}@example.org", f"someone@{text}"):
            answer = await send(tenant, "PATCH", path, {"email": email})
            if is_accepted(answer):
                assert ok(await tenant.get("/me"))["email"] == unicodedata.normalize("NFC", email)
                assert can_be_stored(text)
                accepted += 1
    assert accepted > 50


async def test_queries(tenant: Tenant) -> None:
    await tenant.ready_document("a.txt", "Some text to be found.")
    for text in naughty():
        answer = await send(tenant, "POST", "/search", {"query": text})
        if is_accepted(answer):
            assert text.strip()
            assert len(answer.json()["results"]) <= 1  # quotes and -word are conditions
        else:
            problem(answer, 400 if "\ud800" in text else 422)


async def test_filenames_and_contents(idle: Service) -> None:
    """Upload as JSON, and as multipart if a header can contain the filename; the downloaded bytes are equal."""
    tenant = await new_tenant(idle)
    for text in naughty():
        body = {"filename": text, "content": f"{text}\n", "metadata": {"name": text}}
        answer = await send(tenant, "POST", "/documents", body)
        refused_type = answer.status_code == 415  # the text has the signature of an image
        assert is_accepted(answer) == (0 < len(text) <= 255 and can_be_stored(text) and not refused_type), repr(text)
        if answer.is_success:
            await check_stored(tenant, answer.json()["id"], inner_path(text), f"{text}\n".encode())
        if "\ud800" <= max(text, default="a") <= "\udfff":
            continue  # no header can contain these
        content = b"in a form: " + text.encode()
        answer = await tenant.post("/documents", files={"file": ("plain.txt", content)}, data={"filename": text})
        if is_accepted(answer):
            await check_stored(tenant, answer.json()["id"], inner_path(text) or "plain.txt", content)
        if not {"\r", "\n", '"', "\\", "\x00"} & set(text):
            head = f'Content-Disposition: form-data; name="file"; filename="{text}"\r\n\r\n'.encode()
            form = b"--cut\r\n" + head + content + b"\r\n--cut--\r\n"
            kind = {"Content-Type": "multipart/form-data; boundary=cut"}
            answer = await tenant.post("/documents", content=form, headers=kind)
            if is_accepted(answer):
                await check_stored(tenant, answer.json()["id"], inner_path(decoded_words(text)), content)


async def check_stored(tenant: Tenant, document_id: str, filename: str, content: bytes) -> None:
    """Check that the document has this name and these bytes."""
    path = f"/documents/{document_id}"
    assert ok(await tenant.get(path))["filename"] == filename
    download = await tenant.get(f"{path}/content")
    assert download.status_code == 200
    assert download.content == content
    assert download.headers["content-disposition"].isascii()


async def test_documents_with_these_strings_are_ingested_or_rejected(tenant: Tenant) -> None:
    """The worst strings are uploaded one by one, the others in groups, with a filename for each parser."""
    contents = [text for text in WORST if text and can_be_stored(text)]
    contents += ["\n".join(text for text in texts if can_be_stored(text)) for texts in rounds()]
    documents = []
    for number, content in enumerate(contents):
        suffix = ["txt", "md", "html", "csv"][number % 4]
        answer = await send(tenant, "POST", "/documents", {"filename": f"{number}.{suffix}", "content": content})
        if is_accepted(answer):
            documents.append(answer.json()["id"])
    assert len(documents) > 40
    ends = [await tenant.ended(document_id) for document_id in documents]
    assert {end["status"] for end in ends} == {"ready", "error"}
    for end in ends:
        if end["status"] == "error":
            assert end["error"].endswith("."), end
        else:
            assert end["chunk_count"] == len(await tenant.chunks(end["id"])) > 0
