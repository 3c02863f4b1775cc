"""LlamaIndex's index, query modes and filters on Cabinet. LlamaIndex has no standard tests of vector stores."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from cabinet_client import Cabinet
from cabinet_client.llamaindex import CabinetRetriever, CabinetVectorStore


def node(id_: str, text: str, document: str, **metadata: object) -> TextNode:
    of = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document)}
    return TextNode(id_=id_, text=text, relationships=of, metadata=metadata)


@pytest.fixture(scope="module")
def store(cabinet: Cabinet) -> CabinetVectorStore:
    store = CabinetVectorStore(cabinet)
    store.add([
        node("moon", "The Moon is 384,400 km away.", "d1", topic="sky", year=1969, tags=["far", "grey"]),
        node("sun", "The Sun is 150 million km away.", "d1", topic="sky", year=2020, tags=["far", "hot"]),
        node("bread", "Bread rises for twelve hours.", "d2", topic="food", year=2024),
    ])  # fmt: skip
    return store


def found(store: CabinetVectorStore, filters: MetadataFilters | None = None, **query: object) -> list[str]:
    asked = VectorStoreQuery(query_str="How far away is the Moon?", similarity_top_k=5, filters=filters, **query)  # type: ignore[arg-type]
    return store.query(asked).ids or []


def test_a_node_comes_back_whole(store: CabinetVectorStore) -> None:
    result = store.query(VectorStoreQuery(query_str="How far away is the Moon?", similarity_top_k=1))

    assert result.nodes is not None
    [moon] = result.nodes
    assert (moon.node_id, moon.get_content(), moon.ref_doc_id) == ("moon", "The Moon is 384,400 km away.", "d1")
    assert moon.metadata == {"topic": "sky", "year": 1969, "tags": ["far", "grey"]}
    assert store.get_nodes(["moon"]) == [moon]


FILTERS: list[tuple[FilterOperator, str, Any, set[str]]] = [
    (FilterOperator.EQ, "topic", "sky", {"moon", "sun"}),
    (FilterOperator.NE, "topic", "sky", {"bread"}),
    (FilterOperator.GT, "year", 1969, {"sun", "bread"}),
    (FilterOperator.LTE, "year", 2020, {"moon", "sun"}),
    (FilterOperator.IN, "topic", ["food", "sea"], {"bread"}),
    (FilterOperator.NIN, "topic", ["food"], {"moon", "sun"}),
    (FilterOperator.CONTAINS, "tags", "hot", {"sun"}),
    (FilterOperator.ANY, "tags", ["hot", "grey"], {"moon", "sun"}),
    (FilterOperator.ALL, "tags", ["hot", "far"], {"sun"}),
    (FilterOperator.IS_EMPTY, "tags", None, {"bread"}),
]


def test_filters_pass_what_they_say(store: CabinetVectorStore) -> None:
    for operator, key, value, ids in FILTERS:
        filters = MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)])
        assert set(found(store, filters)) == ids, operator
        assert {one.node_id for one in store.get_nodes(filters=filters)} == ids, operator
    food = MetadataFilter(key="topic", value="food")
    old = MetadataFilters(filters=[MetadataFilter(key="year", value=2000, operator=FilterOperator.LT)])
    assert set(found(store, MetadataFilters(filters=[food, old], condition=FilterCondition.OR))) == {"bread", "moon"}
    assert set(found(store, MetadataFilters(filters=[food, old], condition=FilterCondition.NOT))) == {"sun"}
    with pytest.raises(ValueError, match="text_match"):
        found(
            store, MetadataFilters(filters=[MetadataFilter(key="topic", value="s", operator=FilterOperator.TEXT_MATCH)])
        )


def test_documents_nodes_and_modes_limit_a_query(store: CabinetVectorStore) -> None:
    assert set(found(store, doc_ids=["d2"])) == {"bread"}
    assert set(found(store, node_ids=["sun", "nobody"])) == {"sun"}
    assert found(store, mode=VectorStoreQueryMode.TEXT_SEARCH)[0] == "moon"
    assert found(store, mode=VectorStoreQueryMode.HYBRID, alpha=0.5)[0] == "moon"
    with pytest.raises(ValueError, match="mmr"):
        found(store, mode=VectorStoreQueryMode.MMR)


async def test_an_index_is_built_asked_changed_and_emptied(cabinet: Cabinet) -> None:
    store = CabinetVectorStore(cabinet)
    storage = StorageContext.from_defaults(vector_store=store)
    documents = [Document(text=text, id_=name) for name, text in (("m", "The Moon is far."), ("b", "Bread rises."))]
    index = VectorStoreIndex.from_documents(documents, storage, embed_model=MockEmbedding(1))

    again = VectorStoreIndex.from_vector_store(CabinetVectorStore(cabinet, store.collection_id), MockEmbedding(1))
    [best] = again.as_retriever(similarity_top_k=1).retrieve("How far is the Moon?")
    [same] = await again.as_retriever(similarity_top_k=1).aretrieve("How far is the Moon?")
    assert (best.node.get_content(), best.node.ref_doc_id) == ("The Moon is far.", "m")
    assert same.node.node_id == best.node.node_id
    index.delete_ref_doc("m")
    assert [one.ref_doc_id for one in store.get_nodes()] == ["b"]
    await store.adelete_nodes([store.get_nodes()[0].node_id])
    assert store.get_nodes() == []
    await store.async_add([node("x", "One more.", "d")])
    await store.aclear()
    assert store.get_nodes() == []


async def test_the_retriever_finds_chunks_of_documents(cabinet: Cabinet) -> None:
    document = cabinet.documents.create(
        "venus.md", "# Venus\n\nA day there takes 243 of ours.", metadata={"topic": "sky"}
    )
    cabinet.documents.wait([document])
    retriever = CabinetRetriever(cabinet, limit=1, filter={"type": "eq", "key": "filename", "value": "venus.md"})

    [best] = retriever.retrieve("How long is a day on Venus?")

    assert best.node.metadata["document_id"] == str(document.id)
    assert best.node.metadata["heading"] == ["Venus"]
    assert [one.node.node_id for one in await retriever.aretrieve("Venus")] == [best.node.node_id]
