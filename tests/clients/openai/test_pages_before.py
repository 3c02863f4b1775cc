"""Pages that end just before an item, in each list of the SDK with `before`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import pytest_asyncio

from tests.clients.openai.api import Api
from tests.clients.openai.stored import stored

Stored = tuple[str, str, list[str]]


@pytest_asyncio.fixture(scope="module")
async def six(clients: dict[str, Api]) -> Stored:
    """A vector store, a batch of it, and the ids of the six files of both in the order in which they were added."""
    api = clients["async"]
    ids = [await stored(api, f"Number {number}".encode(), f"{number}.txt") for number in range(6)]
    store = (await api.vector_stores.create()).id
    batch = await api.vector_stores.file_batches.create(store, file_ids=ids)
    return store, batch.id, ids


async def listed(api: Api, kind: str, six: Stored, **options: Any) -> tuple[list[int], bool]:
    """The numbers of the files on a page of one of the lists, and whether there are more."""
    store, batch, ids = six
    if kind == "files":
        page = await api.vector_stores.files.list(store, **options)
    else:
        page = await api.vector_stores.file_batches.list_files(batch, vector_store_id=store, **options)
    found = [file.id for file in page.data]
    assert (page.first_id, page.last_id) == ((found[0], found[-1]) if found else (None, None))
    return [ids.index(id_) for id_ in found], page.has_more


PAGES: Sequence[tuple[str, int, int, list[int], bool]] = [
    ("asc", 4, 2, [2, 3], True),
    ("asc", 4, 4, [0, 1, 2, 3], False),
    ("asc", 4, 100, [0, 1, 2, 3], False),
    ("asc", 0, 3, [], False),
    ("desc", 1, 2, [3, 2], True),
    ("desc", 1, 4, [5, 4, 3, 2], False),
    ("desc", 5, 1, [], False),
]


@pytest.mark.parametrize("kind", ["files", "batch"])
@pytest.mark.parametrize(("order", "before", "limit", "expected", "has_more"), PAGES)
async def test_a_page_of_files_ends_just_before_one(
    api: Api, six: Stored, kind: str, order: str, before: int, limit: int, expected: list[int], has_more: bool
) -> None:
    options = {"order": order, "before": six[2][before], "limit": limit}
    assert await listed(api, kind, six, **options) == (expected, has_more)


@pytest.mark.parametrize("kind", ["files", "batch"])
async def test_a_page_between_two_files_begins_after_the_first(api: Api, six: Stored, kind: str) -> None:
    ids = six[2]
    assert await listed(api, kind, six, order="asc", after=ids[0], before=ids[5], limit=2) == ([1, 2], True)
    assert await listed(api, kind, six, order="desc", after=ids[5], before=ids[2], limit=9) == ([4, 3], False)


async def test_a_page_of_vector_stores_ends_just_before_one(api: Api) -> None:
    ids = [(await api.vector_stores.create()).id for _ in range(5)]

    async def page(**options: Any) -> tuple[list[str], bool]:
        found = await api.vector_stores.list(**options)
        return [store.id for store in found.data], found.has_more

    assert await page(order="asc", before=ids[4], limit=2) == ([ids[2], ids[3]], True)
    assert await page(order="desc", before=ids[1], limit=2) == ([ids[3], ids[2]], True)
    assert await page(order="desc", before=ids[3], limit=100) == ([ids[4]], False)
