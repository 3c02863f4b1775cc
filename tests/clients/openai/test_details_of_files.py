"""Details of files that programs rely on: forms of upload, streams, headers, pages, errors."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.clients.openai.api import Api
from tests.clients.openai.stored import MOON, stored

HOUR_S = 3600


async def test_each_form_of_a_file_is_taken(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "moon.txt"
    path.write_bytes(MOON)
    named = io.BytesIO(MOON)
    named.name = "/somewhere/named.txt"
    forms: dict[str, Any] = {
        "moon.txt": path, "named.txt": named, "three.bin": ("three.bin", MOON, "application/octet-stream"),
        "four.txt": ("four.txt", MOON, "text/plain", {"X-Note": "a"}), "upload": MOON,
    }  # fmt: skip
    for name, form in forms.items():
        made = await api.files.create(file=form, purpose="user_data")
        assert made.filename == name
        assert (await api.files.content(made.id)).content == MOON


async def test_a_file_is_downloaded_in_every_way(api: Api, tmp_path: Path) -> None:
    file_id = await stored(api)
    answer = await api.files.content(file_id)
    raw = await api.files.with_raw_response.content(file_id)

    assert (answer.text, answer.read() if not api.is_async else answer.content) == (MOON.decode(), MOON)
    assert int(raw.headers["content-length"]) == len(MOON)
    assert raw.headers["content-type"] != "application/json"
    if not api.is_async:
        answer.write_to_file(tmp_path / "copy.txt")
        assert (tmp_path / "copy.txt").read_bytes() == MOON


@pytest.mark.parametrize("seconds", [HOUR_S, 2_592_000])
async def test_the_bounds_of_an_expiry_are_taken(api: Api, seconds: int) -> None:
    made = await api.files.create(
        file=("a.txt", MOON), purpose="assistants", expires_after={"anchor": "created_at", "seconds": seconds}
    )
    assert made.expires_at == made.created_at + seconds
    assert (await api.files.retrieve(made.id)).expires_at == made.expires_at


async def test_the_pages_of_one_purpose_are_walked(api: Api) -> None:
    ids = [await stored(api, purpose="vision") for _ in range(3)]

    page = await api.files.list(purpose="vision", limit=2)
    following = page.get_next_page()
    second = (await following) if api.is_async else following

    assert page.has_next_page()
    assert [file.id for file in [*page.data, *second.data]][:3] == ids[::-1]
    assert {file.purpose for file in [*page.data, *second.data]} == {"vision"}
    for each in ids:
        await api.files.delete(each)


async def test_an_error_has_all_fields_of_the_sdk(api: Api) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await api.files.retrieve("file-" + "0" * 32)
    error = caught.value
    assert (error.status_code, error.type, error.param) == (404, "invalid_request_error", None)
    assert error.code
    assert error.request_id == error.response.headers["x-request-id"]
    assert isinstance(error.body, dict)
    assert error.body["message"] == "there is no such file"


async def test_an_answer_has_the_id_of_its_request(api: Api) -> None:
    file = await api.files.retrieve(await stored(api))
    raw = await api.files.with_raw_response.list(limit=1)

    assert file._request_id
    assert raw.headers["content-type"].startswith("application/json")
    assert raw.http_response.status_code == 200


async def test_a_file_is_deleted_once(api: Api) -> None:
    file_id = await stored(api)
    await api.files.delete(file_id)
    for gone in (api.files.delete(file_id), api.files.content(file_id)):
        with pytest.raises(openai.NotFoundError):
            await gone


async def test_text_in_place_of_a_file_is_400(api: Api) -> None:
    for fields in ({}, {"purpose": "assistants"}):
        with pytest.raises(openai.BadRequestError) as error:
            await api.post(
                "/files", cast_to=object, body=fields, options={"headers": {"Content-Type": "application/json"}}
            )
        assert error.value.type == "invalid_request_error"


async def test_a_file_keeps_its_name_and_bytes_beside_one_of_the_same_name(api: Api) -> None:
    first, second = await stored(api, MOON, "same.txt"), await stored(api, MOON + b"!", "same.txt")

    assert first != second
    assert (await api.files.content(first)).content == MOON
    assert (await api.files.content(second)).content == MOON + b"!"


async def test_a_name_has_255_characters_at_most(api: Api) -> None:
    name = "名" * 251 + ".txt"
    assert (await api.files.create(file=(name, MOON), purpose="assistants")).filename == name
    upload = await api.uploads.create(bytes=1, filename=name, mime_type="text/plain", purpose="assistants")
    assert (await api.uploads.cancel(upload.id)).filename == name
    fields = {"bytes": 1, "mime_type": "text/plain", "purpose": "assistants", "filename": f"x{name}"}
    for param, made in (
        ("file", api.files.create(file=(f"x{name}", MOON), purpose="assistants")),
        ("filename", api.uploads.create(**fields)),
    ):
        with pytest.raises(openai.BadRequestError, match="255 characters") as error:
            await made
        assert (error.value.param, error.value.code) == (param, "string_above_max_length")
        assert "name" in error.value.message
