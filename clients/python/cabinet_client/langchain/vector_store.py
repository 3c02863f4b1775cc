"""A collection as a LangChain vector store."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Self

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from cabinet_client import Cabinet, bodies
from cabinet_client.bodies import Id
from cabinet_client.langchain.documents import document_of, restriction
from cabinet_client.texts import FoundText, Text, Texts


class CabinetVectorStore(VectorStore):
    """The documents of a collection, a new one if none is given.

    The service computes the vectors, unless `embedding` is given; then the service must be set up for the dimensions
    of this model. A search compares both meaning and words; `mode="meaning"` compares only the meaning. `filter` is
    a filter of Cabinet, such as `{"type": "gte", "key": "year", "value": 2020}`, or the metadata that must be equal.
    """

    def __init__(
        self,
        client: Cabinet,
        collection_id: Id | None = None,
        embedding: Embeddings | None = None,
        name: str = "LangChain",
    ) -> None:
        self.collection_id = collection_id or client.collections.create(name=name).id
        self._embedding = embedding
        self._texts = Texts(client, self.collection_id)

    @property
    def embeddings(self) -> Embeddings | None:
        """The model that computes the vectors, if it is not the service's."""
        return self._embedding

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **_: Any,
    ) -> list[str]:
        """Store texts, and return their ids when all can be searched. A text replaces the one with its id."""
        contents = list(texts)
        named = [id_ or str(uuid.uuid4()) for id_ in ids or [None] * len(contents)]
        metadata = metadatas or [{}] * len(contents)
        vectors: Sequence[Sequence[float] | None] = [None] * len(contents)
        if self._embedding is not None and contents:
            vectors = self._embedding.embed_documents(contents)
        self._texts.put([Text(*each) for each in zip(named, contents, metadata, vectors, strict=True)])
        return named

    def delete(self, ids: list[str] | None = None, **_: Any) -> bool | None:
        """Delete the documents with these ids, or all; unknown ids are ignored."""
        if ids is None:
            self._texts.clear()
        else:
            self._texts.delete(ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The existing documents with these ids, in any order."""
        return [
            Document(id=text.id, page_content=text.content, metadata=dict(text.metadata))
            for text in self._texts.get(ids)
        ]

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """The `k` best documents for a query."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **options)]

    def similarity_search_with_score(self, query: str, k: int = 4, **options: Any) -> list[tuple[Document, float]]:
        """The `k` best documents for a query, each with its score; a higher one is better."""
        if self._embedding is not None:
            options["embedding"] = self._embedding.embed_query(query)
        return [(document_of(found), found.score) for found in self._found(query, k, **options)]

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **options: Any) -> list[Document]:
        """The `k` documents with the vectors nearest to a vector."""
        return [document_of(found) for found in self._found(None, k, embedding=embedding, **options)]

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """Like `similarity_search_with_score`, since its scores are already from 0 to 1."""
        options.pop("score_threshold", None)
        return self.similarity_search_with_score(query, k, **options)

    def _found(self, query: str | None, k: int, **options: Any) -> list[FoundText]:
        search: bodies.Search = {"limit": k, **restriction(options.pop("filter", None)), **options}  # type: ignore[typeddict-item]
        # With mode meaning, the vector replaces the query.
        is_by_vector = search.get("mode") == "meaning" and search.get("embedding") is not None
        return self._texts.search(None if is_by_vector else query, **search)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        client: Cabinet | None = None,
        collection_id: Id | None = None,
        **_: Any,
    ) -> Self:
        """A vector store with these texts. Without a `client`, it uses CABINET_URL and CABINET_KEY from the
        environment."""
        store = cls(client or Cabinet(), collection_id, embedding)
        store.add_texts(texts, metadatas, ids=ids)
        return store
