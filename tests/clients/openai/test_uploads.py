"""Uploads in parts."""

from __future__ import annotations

import hashlib
import random
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.clients.openai.api import Api
from tests.clients.openai.stored import MOON, stored

MB = 2**20
LARGE = random.Random(3).randbytes(2 * MB + 777)
NEVER = "upload_" + "0" * 32


async def begun(api: Api, size: int = len(MOON), **options: Any) -> str:
    """The id of a new upload, which the test must end, since a user can have ten."""
    given = {"filename": "moon.txt", "mime_type": "text/plain", "purpose": "assistants", **options}
    return str((await api.uploads.create(bytes=size, **given)).id)


async def added(api: Api, upload_id: str, *parts: bytes) -> list[str]:
    """The ids of new parts."""
    return [(await api.uploads.parts.create(upload_id, data=part)).id for part in parts]


async def test_an_upload_is_created_and_completed(api: Api) -> None:
    upload = await api.uploads.create(
        bytes=len(MOON), filename="Mondgrüße 🌙.txt", mime_type="text/plain", purpose="user_data"
    )
    assert re.fullmatch(r"upload_[0-9a-f]{32}", upload.id)
    assert (upload.object, upload.bytes, upload.status, upload.file) == ("upload", len(MOON), "pending", None)
    assert (upload.filename, upload.purpose) == ("Mondgrüße 🌙.txt", "user_data")
    assert abs(upload.created_at - time.time()) < 60
    assert upload.expires_at - upload.created_at == 3600

    part = await api.uploads.parts.create(upload.id, data=MOON)
    assert re.fullmatch(r"part_[0-9a-f]{32}", part.id)
    assert (part.object, part.upload_id) == ("upload.part", upload.id)

    done = await api.uploads.complete(upload.id, part_ids=[part.id])
    assert (done.id, done.status, done.bytes) == (upload.id, "completed", len(MOON))
    assert (done.file.filename, done.file.bytes, done.file.purpose) == ("Mondgrüße 🌙.txt", len(MOON), "user_data")
    assert await api.files.retrieve(done.file.id) == done.file
    assert (await api.files.content(done.file.id)).content == MOON


async def test_the_order_of_the_ids_is_the_order_of_the_bytes(api: Api) -> None:
    upload_id = await begun(api, len(LARGE), purpose="user_data")
    cuts = [0, 3, MB + 5, MB + 6, len(LARGE)]
    pieces = [LARGE[a:b] for a, b in pairwise(cuts)]
    last, first, third, second = await added(api, upload_id, pieces[3], pieces[0], pieces[2], pieces[1])
    checksum = hashlib.md5(LARGE, usedforsecurity=False).hexdigest()

    done = await api.uploads.complete(upload_id, part_ids=[first, second, third, last], md5=checksum)

    assert (await api.files.content(done.file.id)).content == LARGE


async def test_the_helper_sends_a_file_in_parts(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(LARGE)
    checksum = hashlib.md5(LARGE, usedforsecurity=False).hexdigest()

    of_disk = await api.uploads.upload_file_chunked(
        file=path, mime_type="application/octet-stream", purpose="user_data", part_size=MB, md5=checksum
    )
    of_memory = await api.uploads.upload_file_chunked(
        file=MOON, filename="moon.txt", bytes=len(MOON), mime_type="text/plain", purpose="assistants"
    )

    assert (of_disk.status, of_disk.file.filename) == ("completed", "large.bin")
    assert (await api.files.content(of_disk.file.id)).content == LARGE
    store = await api.vector_stores.create(name="Uploaded")
    entry = await api.vector_stores.files.create_and_poll(of_memory.file.id, vector_store_id=store.id)
    assert entry.status == "completed"


async def test_a_part_can_be_left_out(api: Api) -> None:
    upload_id = await begun(api)
    _, kept = await added(api, upload_id, MOON[::-1], MOON)

    done = await api.uploads.complete(upload_id, part_ids=[kept])

    assert (await api.files.content(done.file.id)).content == MOON


async def test_a_completion_that_does_not_match_is_400_and_changes_nothing(api: Api) -> None:
    upload_id = await begun(api)
    half, rest, again = await added(api, upload_id, MOON[:9], MOON[9:], MOON[9:])
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"part_ids": [half]}, "part_ids"),
        ({"part_ids": [half, rest, again]}, "part_ids"),
        ({"part_ids": [half, half]}, "part_ids[1]"),
        ({"part_ids": [half, "part_" + "0" * 32]}, "part_ids[1]"),
        ({"part_ids": [half, "part_1"]}, "part_ids[1]"),
        ({"part_ids": []}, "part_ids"),
        ({"part_ids": [half, rest], "md5": "0" * 32}, "md5"),
        ({"part_ids": [rest, half], "md5": hashlib.md5(MOON, usedforsecurity=False).hexdigest()}, "md5"),
    ]
    for given, param in wrong:
        with pytest.raises(openai.BadRequestError) as error:
            await api.uploads.complete(upload_id, **given)
        assert error.value.param == param, given

    done = await api.uploads.complete(upload_id, part_ids=[half, rest])

    assert done.status == "completed"


@pytest.mark.parametrize("way", ["cancelled", "completed"])
async def test_an_upload_that_ended_takes_nothing_more(api: Api, way: str) -> None:
    upload_id = await begun(api)
    ids = await added(api, upload_id, MOON)
    if way == "cancelled":
        ended = await api.uploads.cancel(upload_id)
    else:
        ended = await api.uploads.complete(upload_id, part_ids=ids)
    assert (ended.id, ended.status) == (upload_id, way)
    assert (ended.file is None) == (way == "cancelled")
    for call in (
        api.uploads.parts.create(upload_id, data=MOON),
        api.uploads.complete(upload_id, part_ids=ids),
        api.uploads.cancel(upload_id),
    ):
        with pytest.raises(openai.BadRequestError) as error:
            await call
        assert (error.value.code, way in error.value.message) == (f"upload_{way}", True)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"bytes": 0}, "bytes"), ({"bytes": 32 * MB + 1}, "bytes"), ({"filename": ""}, "filename"),
        ({"filename": "a\0b"}, "filename"), ({"mime_type": ""}, "mime_type"), ({"purpose": "pleasure"}, "purpose"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after.seconds"),
    ],
)  # fmt: skip
async def test_a_wrong_upload_is_400(api: Api, given: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        await begun(api, **{"size" if name == "bytes" else name: value for name, value in given.items()})
    assert error.value.param == param


async def test_parts_are_bounded(api: Api) -> None:
    upload_id = await begun(api)
    with pytest.raises(openai.BadRequestError) as empty:
        await api.uploads.parts.create(upload_id, data=b"")
    with pytest.raises(openai.BadRequestError) as excessive:
        await api.uploads.parts.create(upload_id, data=MOON * 3)
    assert (empty.value.param, excessive.value.param) == ("data", "data")
    # Twice as much, for a part that was sent again because its answer was lost.
    ids = await added(api, upload_id, MOON, MOON)
    with pytest.raises(openai.BadRequestError):
        await api.uploads.parts.create(upload_id, data=b"x")
    assert (await api.uploads.complete(upload_id, part_ids=ids[:1])).status == "completed"


async def test_a_user_has_ten_pending_uploads_at_most(stranger: Api) -> None:
    ids = [await begun(stranger) for _ in range(10)]
    with pytest.raises(openai.BadRequestError) as error:
        await begun(stranger)
    assert "10" in error.value.message
    for id_ in ids:
        await stranger.uploads.cancel(id_)
    await stranger.uploads.cancel(await begun(stranger))


async def test_a_file_of_an_upload_expires_when_asked(api: Api) -> None:
    upload_id = await begun(api, expires_after={"anchor": "created_at", "seconds": 3600})
    done = await api.uploads.complete(upload_id, part_ids=await added(api, upload_id, MOON))
    assert abs(done.file.expires_at - done.file.created_at - 3600) < 60


async def test_another_user_sees_no_upload(api: Api, stranger: Api) -> None:
    upload_id = await begun(api)
    (part_id,) = await added(api, upload_id, MOON)
    for hidden in (upload_id, NEVER, "upload_1", await stored(api)):
        for call in (
            stranger.uploads.parts.create(hidden, data=MOON),
            stranger.uploads.complete(hidden, part_ids=[part_id]),
            stranger.uploads.cancel(hidden),
        ):
            with pytest.raises(openai.NotFoundError) as error:
                await call
            assert error.value.code == "not_found"
    own = await begun(stranger)
    with pytest.raises(openai.BadRequestError):
        await stranger.uploads.complete(own, part_ids=[part_id])
    await stranger.uploads.cancel(own)
    assert (await api.uploads.complete(upload_id, part_ids=[part_id])).status == "completed"
