"""A collection as a LlamaIndex vector store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from cabinet_client import Cabinet, bodies
from cabinet_client.bodies import Id
from cabinet_client.llamaindex.filters import filter_of
from cabinet_client.texts import FoundText, Text, Texts

_KEYWORD_MODES = (VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.TEXT_SEARCH)
_HYBRID_MODES = (VectorStoreQueryMode.HYBRID, VectorStoreQueryMode.SEMANTIC_HYBRID)


class CabinetVectorStore(BasePydanticVectorStore):
    """The nodes of a collection, a new one if none is given.

    With `computes_vectors=False`, the vectors are those of LlamaIndex's model, and the service must be set up for its
    dimensions. Otherwise the service computes them, and those of LlamaIndex are ignored: give the index a
    `MockEmbedding(1)`. A query in the mode `hybrid`, or with only a text, compares both meaning and words.
    """

    stores_text: bool = True
    is_embedding_query: bool = False
    collection_id: str = ""
    _texts: Texts = PrivateAttr()

    def __init__(
        self,
        client: Cabinet,
        collection_id: Id | None = None,
        *,
        computes_vectors: bool = True,
        name: str = "LlamaIndex",
    ) -> None:
        collection = str(collection_id or client.collections.create(name=name).id)
        super().__init__(collection_id=collection, is_embedding_query=not computes_vectors)  # type: ignore[call-arg]
        self._texts = Texts(client, collection)

    @classmethod
    def class_name(cls) -> str:
        """The name in a serialized index."""
        return "CabinetVectorStore"

    @property
    def client(self) -> Cabinet:
        """The client of the service."""
        return self._texts.client

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:
        """Store nodes, and return their ids when all can be searched. A node replaces the one with its id."""
        self._texts.put(
            [
                Text(
                    node.node_id,
                    node.get_content(metadata_mode=MetadataMode.NONE),
                    node_to_metadata_dict(node, remove_text=True),
                    node.embedding if self.is_embedding_query else None,
                )
                for node in nodes
            ]
        )
        return [node.node_id for node in nodes]

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """The nodes with these ids, or those that match the filters."""
        if node_ids is not None:
            return [_node(text) for text in self._texts.get(node_ids)]
        everything = {"type": "exists", "key": ["_node_content"]}
        return [_node(text) for text in self._texts.matching(filter_of(filters) if filters else everything)]

    def delete(self, ref_doc_id: str, **_: Any) -> None:
        """Delete the nodes of a document of LlamaIndex."""
        self._texts.delete_matching({"type": "eq", "key": ["ref_doc_id"], "value": ref_doc_id})

    def delete_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **_: Any) -> None:
        """Delete the nodes with these ids, and those that match the filters."""
        if node_ids is not None:
            self._texts.delete(node_ids)
        if filters is not None:
            self._texts.delete_matching(filter_of(filters))

    def clear(self) -> None:
        """Delete all nodes."""
        self._texts.clear()

    def query(self, query: VectorStoreQuery, **_: Any) -> VectorStoreQueryResult:
        """The best nodes, best first.

        Raises:
            ValueError: Cabinet has no such mode, or no such filter.
        """
        search = _search(query)
        conditions = [] if query.filters is None or not query.filters.filters else [filter_of(query.filters)]
        if query.doc_ids:
            conditions.append({"type": "in", "key": ["ref_doc_id"], "value": query.doc_ids})
        if query.node_ids:  # LlamaIndex passes an empty list for all
            conditions.append(self._texts.named(query.node_ids))
        if conditions:
            search["filter"] = {"type": "and", "filters": conditions}
        if self.is_embedding_query and query.query_embedding is not None:
            search["embedding"] = query.query_embedding
        text = None if search.get("mode") == "meaning" and "embedding" in search else query.query_str
        found = self._texts.search(text, **search)
        return VectorStoreQueryResult(
            nodes=[_node(each) for each in found],
            similarities=[each.score for each in found],
            ids=[each.id for each in found],
        )

    async def async_add(self, nodes: Sequence[BaseNode], **options: Any) -> list[str]:
        """As `add`."""
        return await asyncio.to_thread(self.add, nodes, **options)

    async def adelete(self, ref_doc_id: str, **options: Any) -> None:
        """As `delete`."""
        await asyncio.to_thread(self.delete, ref_doc_id, **options)

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **options: Any
    ) -> None:
        """As `delete_nodes`."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters, **options)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """As `get_nodes`."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    async def aclear(self) -> None:
        """As `clear`."""
        await asyncio.to_thread(self.clear)

    async def aquery(self, query: VectorStoreQuery, **options: Any) -> VectorStoreQueryResult:
        """As `query`."""
        return await asyncio.to_thread(self.query, query, **options)


def _search(query: VectorStoreQuery) -> bodies.Search:
    """The fields of a search for a query, without its vector and its filters."""
    search: bodies.Search = {"limit": query.similarity_top_k}
    if query.mode in _KEYWORD_MODES:
        search["mode"] = "keyword"
    elif query.mode in _HYBRID_MODES:
        search["mode"] = "hybrid"
        if query.alpha is not None:
            search["keyword_weight"] = 1 - query.alpha
    elif query.mode != VectorStoreQueryMode.DEFAULT:
        raise ValueError(f"Cabinet has no query mode {query.mode.value}")
    elif query.query_embedding is not None:
        search["mode"] = "meaning"
    return search


def _node(text: Text | FoundText) -> BaseNode:
    """The stored node; a chunk of another document in the collection becomes a node without relations."""
    if "_node_content" in text.metadata:
        return metadata_dict_to_node(dict(text.metadata), text.content)
    return TextNode(id_=text.id, text=text.content, metadata=dict(text.metadata))
