"""Texts of a framework, each with the framework's own id, as documents of a collection.

The name of the document contains the id: `<id of the collection>:<id>`. A text with an existing id therefore replaces
the earlier text, and the same id in another collection is another text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar, Unpack
from uuid import UUID

from cabinet_client import bodies, models
from cabinet_client._sync.client import Cabinet
from cabinet_client.bodies import Id

T = TypeVar("T")
_AT_ONCE = 8
_ADDED_AT_ONCE = 1000
# A filter has at most 16 KiB, the URL of a request 8 KiB, and a name up to 255 characters.
_DELETED_AT_ONCE = 50
_LISTED_AT_ONCE = 8
# The longest text of a chunk.
_MOST_CHARACTERS = 32_768
# The members of the metadata of a result that describe the chunk. The text's own values are kept below `_KEPT`.
_OF_THE_CHUNK = frozenset({"start", "end", "added", "heading", "title", "page"})
_KEPT = "_kept"


@dataclass(frozen=True)
class Text:
    """A text with its id, its metadata, and its vector, unless the service computes it."""

    id: str
    content: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    embedding: Sequence[float] | None = None


@dataclass(frozen=True)
class FoundText:
    """A text, or a part of it, that a search found. The score is higher for a better one."""

    id: str
    content: str
    metadata: dict[str, Any]
    score: float


class Texts:
    """The texts of one collection. Searches also find its other documents, each chunk with its own id."""

    def __init__(self, client: Cabinet, collection_id: Id) -> None:
        self.client, self.collection_id = client, UUID(str(collection_id))

    def put(self, texts: Sequence[Text]) -> None:
        """Store texts, and return when they can be searched. Those with the same ids are replaced.

        Raises:
            IngestionError: some of them could not be read.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            documents = list(pool.map(self._create, texts))
        for part in parts(documents, _ADDED_AT_ONCE):
            self.client.collections.add_many(self.collection_id, [{"document_id": each.id} for each in part])
        self.client.documents.wait(documents)

    def get(self, ids: Sequence[str]) -> list[Text]:
        """The existing texts with these ids."""
        return [text for part in parts(ids, _LISTED_AT_ONCE) for text in self.matching(self.named(part))]

    def matching(self, where: Mapping[str, Any]) -> list[Text]:
        """The texts that match a filter."""
        documents = list(self.client.documents.list(collection_ids=[self.collection_id], where=where))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            contents = list(pool.map(self._content, documents))
        return [
            Text(self._id_in(document.filename) or str(document.id), content, own_metadata(document.metadata))
            for document, content in zip(documents, contents, strict=True)
        ]

    def delete(self, ids: Sequence[str]) -> None:
        """Delete the texts with these ids; unknown ids are ignored."""
        for part in parts(ids, _DELETED_AT_ONCE):
            self.delete_matching(self.named(part))

    def delete_matching(self, where: Mapping[str, Any]) -> None:
        """Delete the texts that match a filter."""
        while self.client.documents.delete_many(filter=dict(where), collection_ids=[self.collection_id]).more:
            pass

    def clear(self) -> None:
        """Delete all documents of the collection."""
        while self.client.documents.delete_many(collection_ids=[self.collection_id]).more:
            pass

    def search(self, query: str | None, **options: Unpack[bodies.Search]) -> list[FoundText]:
        """The best texts for a query, or for a vector, best first."""
        if query is not None and not query.strip():
            query = None
        if "embedding" in options:
            options["embedding"] = plain(options["embedding"])
        options = {"duplicates": "keep", **options, "collection_ids": [self.collection_id]}
        return [self._found(result) for result in self.client.search(query, **options)]

    def named(self, ids: Iterable[str]) -> dict[str, Any]:
        """The filter for texts with these ids."""
        return {"type": "in", "key": "filename", "value": [self._name_of(id_) for id_ in ids]}

    def _create(self, text: Text) -> models.Document:
        chunks: list[bodies.NewChunk] = [{"content": part} for part in texts_of_chunks(text.content)]
        if text.embedding is not None:
            chunks[0]["embedding"] = plain(text.embedding)
        return self.client.documents.create_from_chunks(
            self._name_of(text.id), chunks, metadata=kept_metadata(text.metadata), on_conflict="replace"
        )

    def _content(self, document: models.Document) -> str:
        if self._id_in(document.filename) is None:
            return self.client.documents.text(document.id)
        return "".join(chunk.content for chunk in self.client.documents.chunks(document.id))

    def _found(self, result: models.Result) -> FoundText:
        id_ = self._id_in(result.filename)
        if id_ is None:
            return FoundText(str(result.chunk_id), result.content, result.metadata, result.score)
        return FoundText(id_, result.content, own_metadata(result.metadata), result.score)

    def _name_of(self, id_: str) -> str:
        return f"{self.collection_id.hex}:{id_.replace('%', '%25').replace('/', '%2F')}"

    def _id_in(self, filename: str) -> str | None:
        prefix = f"{self.collection_id.hex}:"
        if not filename.startswith(prefix):
            return None
        return filename.removeprefix(prefix).replace("%2F", "/").replace("%25", "%")


def texts_of_chunks(content: str) -> list[str]:
    """The content in chunks that the service stores unchanged: one, unless it is very long."""
    return [content[begin : begin + _MOST_CHARACTERS] for begin in range(0, len(content), _MOST_CHARACTERS)] or [""]


def plain(vector: Sequence[float]) -> list[float]:
    """A vector of Python's own numbers; models may return NumPy numbers."""
    return [float(number) for number in vector]


def kept_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The document's metadata for a text: filters can compare all values, and results keep them."""
    hidden = {name: metadata[name] for name in metadata.keys() & _OF_THE_CHUNK}
    return {**metadata, **({_KEPT: hidden} if hidden else {})}


def own_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a text, from the metadata of its document or of a result."""
    own = {name: value for name, value in metadata.items() if name not in _OF_THE_CHUNK and name != _KEPT}
    return {**own, **metadata.get(_KEPT, {})}


def parts(values: Iterable[T], size: int) -> Iterable[list[T]]:
    """The values in lists of at most `size`."""
    iterator = iter(values)
    while part := list(islice(iterator, size)):
        yield part
