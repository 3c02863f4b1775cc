"""Files."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import openai
import pytest

from tests.clients.openai.api import Api, collected
from tests.clients.openai.stored import MOON, stored
from tests.conftest import PATIENCE_S

NEVER = "file-" + "0" * 32


async def test_a_file_is_created(api: Api) -> None:
    made = await api.files.create(file=("moon.txt", MOON), purpose="assistants")

    assert re.fullmatch(r"file-[0-9a-f]{32}", made.id)
    assert (made.object, made.bytes, made.filename) == ("file", len(MOON), "moon.txt")
    assert (made.purpose, made.status, made.expires_at) == ("assistants", "processed", None)
    assert abs(made.created_at - time.time()) < 60
    assert await api.files.retrieve(made.id) == made


@pytest.mark.parametrize(
    "name", ["Grüße aus Köln.txt", "東京 🎉.md", "a b'c\"d;e.txt", "no_suffix", "x" * 250 + ".txt"]
)
async def test_names_are_kept_whole(api: Api, name: str) -> None:
    made = await api.files.create(file=(name, MOON), purpose="user_data")

    assert made.filename == name
    assert (await api.files.retrieve(made.id)).filename == name


async def test_each_purpose_is_kept_and_listed(api: Api, native: httpx.AsyncClient) -> None:
    for purpose in ("assistants", "batch", "fine-tune", "vision", "user_data"):
        id_ = await stored(api, purpose=purpose)

        assert (await api.files.retrieve(id_)).purpose == purpose
        listed = await collected(api.files.list(purpose=purpose))
        assert id_ in [file.id for file in listed]
        assert {file.purpose for file in listed} == {purpose}
    # The SDK also sends it, but the type of its answer does not have it.
    made = await native.post("/v1/files", data={"purpose": "evals"}, files={"file": ("a.txt", b"a")})
    assert made.json()["purpose"] == "evals"
    await native.delete(f"/v1/files/{made.json()['id']}")


async def test_an_unknown_purpose_is_400_but_lists_nothing(api: Api) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.files.create(file=("a.txt", MOON), purpose="pleasure")
    assert error.value.param == "purpose"
    assert await collected(api.files.list(purpose="pleasure")) == []


@pytest.mark.parametrize("content", [b"\0\1\2\xff", bytes(range(256)) * 4000, b"%PDF-broken", b"a"])
async def test_bytes_of_any_kind_come_back_unchanged(api: Api, content: bytes) -> None:
    id_ = await stored(api, content, "data.bin", purpose="user_data")

    answer = await api.files.content(id_)

    assert answer.read() == content


async def test_a_file_of_megabytes_is_streamed(api: Api) -> None:
    content = bytes(range(256)) * 4096 * 5
    id_ = await stored(api, content, "large.bin", purpose="user_data")

    assert (await api.files.content(id_)).content == content
    assert (await api.files.retrieve(id_)).bytes == len(content)


async def test_a_file_expires_when_asked(api: Api) -> None:
    made = await api.files.create(
        file=("a.txt", MOON), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at is not None
    assert abs(made.expires_at - made.created_at - 3600) < 60
    batch = await api.files.retrieve(await stored(api, purpose="batch"))
    assert batch.expires_at is not None
    assert abs(batch.expires_at - batch.created_at - 30 * 86_400) < 60


@pytest.mark.parametrize(
    ("expiry", "param"),
    [
        ({"anchor": "created_at", "seconds": 3599}, "expires_after.seconds"),
        ({"anchor": "created_at", "seconds": 2_592_001}, "expires_after.seconds"),
        ({"anchor": "last_active_at", "seconds": 3600}, "expires_after.anchor"),
        ({"anchor": "created_at"}, "expires_after.seconds"),
        ({"seconds": 3600}, "expires_after.anchor"),
    ],
)
async def test_a_wrong_expiry_is_400(api: Api, expiry: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.files.create(file=("a.txt", MOON), purpose="user_data", expires_after=expiry)
    assert error.value.param == param


async def test_an_empty_file_and_an_unknown_field_are_400(api: Api) -> None:
    with pytest.raises(openai.BadRequestError) as empty:
        await api.files.create(file=("a.txt", b""), purpose="assistants")
    with pytest.raises(openai.BadRequestError) as unknown:
        await api.files.create(file=("a.txt", MOON), purpose="assistants", extra_body={"colour": "red"})
    assert (empty.value.param, unknown.value.param) == ("file", "colour")


async def test_a_deleted_file_is_gone(api: Api) -> None:
    id_ = await stored(api)

    deleted = await api.files.delete(id_)

    assert (deleted.id, deleted.object, deleted.deleted) == (id_, "file", True)
    for gone in (api.files.retrieve, api.files.content, api.files.delete):
        with pytest.raises(openai.NotFoundError) as error:
            await gone(id_)
        assert error.value.code == "not_found"
    assert id_ not in [file.id for file in await collected(api.files.list())]


@pytest.mark.parametrize("id_", [NEVER, "file-123", "vs_" + "0" * 32, "x"])
async def test_an_unknown_file_is_404(api: Api, id_: str) -> None:
    for gone in (api.files.retrieve, api.files.content, api.files.delete):
        with pytest.raises(openai.NotFoundError):
            await gone(id_)


async def test_files_are_listed_in_order_in_pages_of_any_size(api: Api) -> None:
    ids = [await stored(api, purpose="vision") for _ in range(5)]

    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        for limit in (1, 2, 5, 10_000):
            found = [file.id for file in await collected(api.files.list(purpose="vision", order=order, limit=limit))]
            assert [id_ for id_ in found if id_ in ids] == expected
            assert len(set(found)) == len(found)


async def test_a_list_continues_after_a_deleted_file(api: Api) -> None:
    ids = [await stored(api, purpose="fine-tune") for _ in range(4)]
    page = await api.files.list(purpose="fine-tune", order="asc", after=ids[0], limit=1)
    await api.files.delete(ids[1])

    following = await api.files.list(purpose="fine-tune", order="asc", after=ids[1])

    assert ([file.id for file in page.data], page.has_more) == ([ids[1]], True)
    assert [file.id for file in following.data][:2] == ids[2:]
    assert following.to_dict()["last_id"] == following.data[-1].id


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"), ({"limit": 10_001}, "limit"), ({"order": "up"}, "order"),
        ({"after": "file-never"}, "after"), ({"extra_query": {"before": NEVER}}, "before"),
    ],
)  # fmt: skip
async def test_a_wrong_query_is_400(api: Api, query: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await api.files.list(**query)
    assert error.value.param == param


async def test_the_helper_does_not_wait(api: Api) -> None:
    id_ = await stored(api)

    begin = time.monotonic()
    file = await api.files.wait_for_processing(id_, poll_interval=PATIENCE_S)
    assert file.status == "processed"
    assert time.monotonic() - begin < PATIENCE_S


async def test_another_user_sees_no_file(api: Api, stranger: Api) -> None:
    id_ = await stored(api)

    for hidden in (stranger.files.retrieve, stranger.files.content, stranger.files.delete):
        with pytest.raises(openai.NotFoundError):
            await hidden(id_)
    assert id_ not in [file.id for file in await collected(stranger.files.list())]
    assert (await api.files.retrieve(id_)).id == id_


async def test_files_are_documents(api: Api, native: httpx.AsyncClient) -> None:
    id_ = await stored(api)
    native_id = id_.removeprefix("file-")

    document = (await native.get(f"/documents/{native_id}")).json()
    uploaded = (await native.post("/documents", json={"filename": "own.md", "content": "# Own"})).json()

    assert (document["status"], document["purpose"]) == ("stored", "assistants")
    own = await api.files.retrieve("file-" + uploaded["id"].replace("-", ""))
    assert (own.filename, own.purpose) == ("own.md", "assistants")


@pytest.mark.parametrize("seconds", ["1e4", "3600.0", "+3600", "\u0663600"])
async def test_a_number_of_a_form_is_written_in_digits(native: httpx.AsyncClient, seconds: str) -> None:
    parts = {"purpose": "assistants", "expires_after[anchor]": "created_at", "expires_after[seconds]": seconds}
    answer = await native.post("/v1/files", files={"file": ("a.txt", MOON)}, data=parts)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "expires_after.seconds"


@pytest.mark.parametrize("order", [1, -1])
async def test_a_part_beside_its_members_is_refused(native: httpx.AsyncClient, order: int) -> None:
    files: list[tuple[str, tuple[str | None, bytes]]] = [("file", ("a.txt", MOON)), ("purpose", (None, b"assistants"))]
    files += [("expires_after", (None, b"3600")), ("expires_after[seconds]", (None, b"3600"))][::order]
    answer = await native.post("/v1/files", files=files)
    assert answer.status_code == 400
    assert "expires_after" in answer.json()["error"]["message"]
