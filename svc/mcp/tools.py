"""The work of the tools, on a client with the caller's key. Results are short texts for a model."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from cabinet_client import AsyncCabinet, ConflictError, IngestionError, NotAllowedError, WaitTimeoutError, models
from svc.errors import CabinetError

# About four characters a token: a result of some 2,000 tokens.
_MOST_CHARACTERS = 8_000
# More than a model reads at once. Without a limit, a document of 32 MB would hold the server's loop and its memory.
_MOST_OF_A_DOCUMENT = 500_000
_MEMORY_TITLE = "Memory of an assistant"
_MEMORY = {"purpose": "memory"}
_MOST_CONVERSATIONS = 200
_INGESTION_S = 120.0


class ToolFailedError(CabinetError):
    """A tool cannot do what it was asked; the detail says why, and what to do instead."""

    title = "No success"


async def search(client: AsyncCabinet, query: str, limit: int) -> str:
    """The best chunks for a query, each with the name by which `open_source` opens it."""
    results = await client.search(query, limit=limit)
    if not results:
        return "Nothing was found. Try other words, or list_documents to see which documents there are."
    return _fitting(f"[{source_of(each)}] {_place(each)}\n{each.content}" for each in results)


async def open_source(client: AsyncCabinet, source: str, around: int) -> str:
    """A chunk with those before and after it."""
    document_id, _, number = source.partition("#")
    try:
        wanted, index = UUID(document_id), int(number)
    except ValueError:
        raise ToolFailedError(
            f"{source!r} is no source. Use one that search printed in brackets, such as "
            "01890a5d-ac96-774b-bcce-b302099a8057#3."
        ) from None
    document = await client.documents.get(wanted)
    first = max(0, index - around)
    chunks: list[models.Chunk] = []
    async for chunk in client.documents.chunks(wanted, after=first - 1 if first else None):
        if chunk.chunk_index > index + around:
            break
        chunks.append(chunk)
    if not chunks:
        raise ToolFailedError(f"{document.filename} has {document.chunk_count} chunks, numbered from 0.")
    return _fitting([f"{document.filename}, chunks {chunks[0].chunk_index} to {chunks[-1].chunk_index}:"]
                    + [chunk.content for chunk in chunks])  # fmt: skip


async def add_document(client: AsyncCabinet, name: str, text: str) -> str:
    """Store a text as a document, and wait until it can be found."""
    earlier: list[models.Document] = []
    try:
        document = await client.documents.create(name, text, on_conflict="replace")
    except NotAllowedError:
        # A key of one collection replaces nothing by name; it finds those of the name in its collection.
        earlier = [each async for each in client.documents.list(where={"type": "eq", "key": "filename", "value": name})]
        document = await client.documents.create(name, text)
    try:
        [ready] = await client.documents.wait([document], timeout_s=_INGESTION_S)
    except IngestionError as error:
        raise ToolFailedError(f"{name} cannot be read: {error.documents[0].error}") from error
    except WaitTimeoutError:
        return f"{name} is stored and will be found in a while; it is still being ingested."
    for each in earlier:
        await _remove(client, each)
    return f"{name} is stored and can be found, in {ready.chunk_count} chunks."


async def _remove(client: AsyncCabinet, document: models.Document) -> None:
    """Delete an earlier document for a key of one collection, or take it out of that one if it is in others too."""
    try:
        await client.documents.delete(document.id)
    except ConflictError:
        if (collection_id := (await client.me()).collection_id) is None:
            raise
        await client.collections.remove(collection_id, document.id)


async def remember(client: AsyncCabinet, text: str) -> str:
    """Append a text to the conversation that is the memory."""
    memory = await _memory(client) or await client.conversations.create(title=_MEMORY_TITLE, metadata=_MEMORY)
    [message] = await client.conversations.append(memory.id, {"role": "assistant", "content": text})
    return f"Remembered, as number {message.position}."


async def recall(client: AsyncCabinet, query: str, limit: int) -> str:
    """The remembered texts and messages nearest to a query, of all conversations."""
    found = await client.conversations.search(query, limit=limit)
    if not found:
        return "Nothing is remembered about this. A text that was just remembered is found a moment later."
    return _fitting(f"{each.created_at:%Y-%m-%d %H:%M}, {each.role}: {each.text}" for each in found)


async def list_documents(client: AsyncCabinet, limit: int) -> str:
    """The newest documents, a line each."""
    lines: list[str] = []
    async for each in client.documents.list():
        if len(lines) == limit:
            lines.append("There are more.")
            break
        state = each.status if each.error is None else f"{each.status}: {each.error}"
        lines.append(f"{each.id} {each.filename} ({each.file_type}, {each.chunk_count} chunks, {state})")
    return "\n".join(lines) or "There are no documents."


async def read_document(client: AsyncCabinet, document_id: str) -> str:
    """The text of a document, for the resource; of a very long one, the beginning."""
    try:
        wanted = UUID(document_id)
    except ValueError:
        raise ToolFailedError(
            f"{document_id[:80]!r} is no id of a document. Use one that list_documents showed."
        ) from None
    parts: list[str] = []
    left = _MOST_OF_A_DOCUMENT
    async for chunk in client.documents.chunks(wanted):
        if len(chunk.content) > left:
            parts += [f"{chunk.content[:left]}…", "(The rest was left out. Search for what you need.)"]
            break
        parts.append(chunk.content)
        left -= len(chunk.content)
    return "\n\n".join(parts)


def source_of(result: models.Result) -> str:
    """The name of a chunk for `open_source`."""
    return f"{result.document_id}#{result.chunk_index}"


def _place(result: models.Result) -> str:
    return result.filename if result.page is None else f"{result.filename}, page {result.page}"


def _fitting(parts: Iterable[str]) -> str:
    """The parts that fit into a result; the last one may be cut, and what is left out is said."""
    text = ""
    for part in parts:
        if len(text) + len(part) > _MOST_CHARACTERS:
            rest = part[: max(0, _MOST_CHARACTERS - len(text))]
            return f"{text}{rest}…\n\n(The rest was left out. Ask for fewer results, or open a single source.)"
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
