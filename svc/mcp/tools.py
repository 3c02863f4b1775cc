"""The work of the tools, on a client with the caller's key. Results are short texts for a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from uuid import UUID

from cabinet_client import (
    AsyncCabinet,
    ConflictError,
    IngestionError,
    NotAllowedError,
    WaitTimeoutError,
    bodies,
    models,
)
from svc.fields.ids import read_id
from svc.mcp.collections import named_collection, shared_hint
from svc.mcp.failures import ToolFailedError

# About four characters for each token: a result of about 2,000 tokens.
_MOST_CHARACTERS = 8_000
# More than a model reads. Without a limit, a document of 32 MB would block the server's loop and take its memory.
_MOST_OF_A_DOCUMENT = 500_000
_MEMORY_TITLE = "Memory of an assistant"
_MEMORY = {"purpose": "memory"}
_MOST_CONVERSATIONS = 200
_INGESTION_S = 120.0


async def search(client: AsyncCabinet, query: str, limit: int, collection: str | None) -> str:
    """The best chunks for a query, each with the name by which `open_source` opens it.

    Without a collection, they are those of the user's own documents.
    """
    if collection is None:
        results, hint = await asyncio.gather(client.search(query, limit=limit), shared_hint(client))
    else:
        searched = await named_collection(client, collection)
        results, hint = await client.search(query, limit=limit, collection_ids=[searched.id]), ""
    if not results:
        nothing = "Nothing was found. Try other words, or list_documents to see which documents there are."
        return nothing + hint
    # A collection can contain the document in chunks of other sizes, whose numbers are not those of the document.
    sources = [source_of(each) if collection is None else str(each.chunk_id) for each in results]
    parts = (f"[{source}] {_place(each)}\n{each.content}" for source, each in zip(sources, results, strict=True))
    return _fitting(parts) + hint


async def open_source(client: AsyncCabinet, source: str, around: int) -> str:
    """A chunk, and the chunks before and after it that fit into a result."""
    document_id, _, number = source.strip().strip("[]").partition("#")
    try:
        wanted = read_id(document_id)
    except ValueError:
        wanted = None
    if wanted is not None and "#" not in source:
        return await _open_chunk(client, wanted, around)
    if wanted is None or not (number.isascii() and number.isdigit()):
        raise ToolFailedError(
            f"{source!r} is not a source. Use one that search printed in brackets, such as "
            "01890a5d-ac96-774b-bcce-b302099a8057#3."
        )
    document, index = await client.documents.get(wanted), int(number)
    if index >= document.chunk_count:
        raise ToolFailedError(
            f"{document.filename} has {document.chunk_count} chunks, numbered from 0; there is no chunk {number}. "
            "It may have changed: search again."
        )
    first = max(0, index - around)
    chunks: dict[int, str] = {}
    async for chunk in client.documents.chunks(wanted, after=first - 1 if first else None):
        if chunk.chunk_index > index + around:
            break
        chunks[chunk.chunk_index] = chunk.content
    if index not in chunks:
        raise ToolFailedError(f"{document.filename} has changed meanwhile: search again.")
    first, last = _span(chunks, index)
    text = "\n\n".join(chunks[each] for each in range(first, last + 1))
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}…\n\n(The rest of this long chunk was omitted.)"
    left_out = [f"{wanted}#{each}" for each in (first - 1, last + 1) if each in chunks]
    hint = f"\n\n(Not everything fits. Open {' or '.join(left_out)} to read on.)" if left_out else ""
    return f"{document.filename}, chunks {first} to {last}:\n\n{text}{hint}"


async def _open_chunk(client: AsyncCabinet, chunk_id: UUID, around: int) -> str:
    """A chunk by its id, and the chunks before and after it that fit into a result."""
    for neighbours in range(around, -1, -1):
        chunk = await client.documents.chunk(chunk_id, neighbours=neighbours)
        first = last = chunk.chunk_index
        text = chunk.content
        if chunk.passage is not None:
            first, last, text = (chunk.passage.first_chunk_index, chunk.passage.last_chunk_index, chunk.passage.content)
        if len(text) <= _MOST_CHARACTERS:
            break
    else:
        text = f"{text[:_MOST_CHARACTERS]}…\n\n(The rest of this long chunk was omitted.)"
    hint = "" if neighbours == around else "\n\n(Not all of the passages around it fit.)"
    return f"{chunk.filename}, chunks {first} to {last}:\n\n{text}{hint}"


def _span(chunks: Mapping[int, str], index: int) -> tuple[int, int]:
    """The first and the last chunk around a chunk that fit into a result together with it, nearest first."""
    first = last = index
    left = _MOST_CHARACTERS - len(chunks[index])
    for each in sorted(chunks, key=lambda other: abs(other - index)):
        if each in (first - 1, last + 1):
            left -= len(chunks[each]) + 2
            if left < 0:
                break
            first, last = min(first, each), max(last, each)
    return first, last


async def add_document(client: AsyncCabinet, name: str, text: str) -> str:
    """Store a text as a document, and wait until it can be found."""
    earlier: list[models.Document] = []
    try:
        document = await client.documents.create(name, text, on_conflict="replace")
    except NotAllowedError:
        # A key that is limited to one collection cannot replace by name; it finds those with the name in its
        # collection.
        earlier = [each async for each in client.documents.list(where={"type": "eq", "key": "filename", "value": name})]
        document = await client.documents.create(name, text)
    try:
        [ready] = await client.documents.wait([document], timeout_s=_INGESTION_S)
    except IngestionError as error:
        raise ToolFailedError(f"{name} cannot be read: {error.documents[0].error}") from error
    except WaitTimeoutError:
        return f"{name} is stored, but still being ingested; search will find it soon."
    for each in earlier:
        await _remove(client, each)
    chunks = "1 chunk" if ready.chunk_count == 1 else f"{ready.chunk_count:,} chunks"
    return f"{name} is stored and can be found, in {chunks}."


async def _remove(client: AsyncCabinet, document: models.Document) -> None:
    """Delete an earlier document for a key of one collection, or remove it from that one if it is also in others."""
    try:
        await client.documents.delete(document.id)
    except ConflictError:
        if (collection_id := (await client.me()).collection_id) is None:
            raise
        await client.collections.remove(collection_id, document.id)


async def remember(client: AsyncCabinet, text: str) -> str:
    """Append a text to the conversation that serves as memory."""
    if not text.strip():
        raise ToolFailedError("text must contain more than white space")
    memory = await _memory(client) or await client.conversations.create(title=_MEMORY_TITLE, metadata=_MEMORY)
    [message] = await client.conversations.append(memory.id, {"role": "assistant", "content": text})
    return f"Remembered, as number {message.position}."


async def recall(client: AsyncCabinet, query: str, limit: int) -> str:
    """The remembered texts and messages of all conversations that are nearest to a query."""
    found = await client.conversations.search(query, limit=limit)
    if not found:
        return "Nothing is remembered about this. A new memory can be found after a short time."
    return _fitting(f"{each.created_at:%Y-%m-%d %H:%M}, {each.role}: {each.text}" for each in found)


async def list_documents(client: AsyncCabinet, limit: int, after: str | None, collection: str | None) -> str:
    """The newest documents, or those after a document, one line for each, up to the size of a result.

    With a collection, they are its files, the last added first.
    """
    start = None if after is None else _document_id(after)
    found: AsyncIterator[tuple[UUID, models.Document | models.CollectionFile]]
    if collection is None:
        found = ((each.id, each) async for each in client.documents.list(after=start))
        hint = "" if after else await shared_hint(client)
    else:
        options: bodies.ListFiles = {} if start is None else {"after": start}
        files = client.collections.files((await named_collection(client, collection)).id, **options)
        found = ((each.document_id, each) async for each in files)
        hint = ""
    lines: list[str] = []
    left = _MOST_CHARACTERS
    last = None
    async for id_, each in found:
        state = each.status if each.error is None else f"{each.status}: {each.error}"
        line = f"{id_} {each.filename} ({each.file_type}, {each.chunk_count} chunks, {state})"
        left -= len(line) + 1
        if len(lines) == limit or (lines and left < 0):
            lines.append(f"There are more. To continue, call list_documents with after={last}.")
            break
        lines.append(line)
        last = id_
    nothing = "There are no documents." if after is None else "There are no more documents."
    return ("\n".join(lines) or nothing) + hint


async def read_document(client: AsyncCabinet, document_id: str) -> str:
    """The text of a document, for the resource; only the beginning of a very long one."""
    wanted = _document_id(document_id)
    parts: list[str] = []
    left = _MOST_OF_A_DOCUMENT
    async for chunk in client.documents.chunks(wanted):
        if len(chunk.content) > left:
            parts += [f"{chunk.content[:left]}…", "(The rest was omitted. Search for specific passages.)"]
            break
        parts.append(chunk.content)
        left -= len(chunk.content)
    return "\n\n".join(parts)


def _document_id(text: str) -> UUID:
    try:
        return read_id(text.strip())
    except ValueError:
        raise ToolFailedError(
            f"{text[:80]!r} is not the id of a document. Use one that list_documents showed."
        ) from None


def source_of(result: models.Result) -> str:
    """The name of a chunk for `open_source`."""
    return f"{result.document_id}#{result.chunk_index}"


def _place(result: models.Result) -> str:
    return result.filename if result.page is None else f"{result.filename}, page {result.page}"


def _fitting(parts: Iterable[str]) -> str:
    """The parts that fit into a result; the last one may be cut, with a note about the omission."""
    text = ""
    for part in parts:
        if len(text) + len(part) > _MOST_CHARACTERS:
            rest = part[: max(0, _MOST_CHARACTERS - len(text))]
            return f"{text}{rest}…\n\n(The rest was omitted. Ask for fewer results, or open a single source.)"
        text += part + "\n\n"
    return text.rstrip()


async def _memory(client: AsyncCabinet) -> models.Conversation | None:
    seen = 0
    async for conversation in client.conversations.list():
        if conversation.metadata == _MEMORY:
            return conversation
        seen += 1
        if seen == _MOST_CONVERSATIONS:
            break
    return None
