"""Files and vector stores for the checks."""

from __future__ import annotations

from typing import Any

from tests.clients.openai.api import Api

MOON = b"The Moon is 384,400 km away from the Earth. It has no atmosphere."
PARCEL = b"A parcel to Norway takes four days. Express parcels take two."
BREAD = b"Sourdough bread rises for twelve hours before it is baked."


async def stored(api: Api, content: bytes = MOON, name: str = "moon.txt", **options: Any) -> str:
    """The id of a new file."""
    made = await api.files.create(file=(name, content), **{"purpose": "assistants", **options})
    return str(made.id)


async def filled_store(
    api: Api, files: dict[str, bytes] | None = None, **attributes: Any
) -> tuple[str, dict[str, str]]:
    """The id of a new vector store whose files have been read, and the ids of the files by name."""
    named = files or {"moon.txt": MOON, "parcel.txt": PARCEL, "bread.txt": BREAD}
    ids = {name: await stored(api, content, name) for name, content in named.items()}
    store = await api.vector_stores.create(name="Everything")
    entries = [{"file_id": id_, "attributes": attributes.get(name.partition(".")[0], {})} for name, id_ in ids.items()]
    batch = await api.vector_stores.file_batches.create(store.id, files=entries)
    await api.vector_stores.file_batches.poll(batch.id, vector_store_id=store.id)
    return str(store.id), ids
