"""LangChain's standard tests, and the behaviour that they do not cover."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import RetrieversIntegrationTests, VectorStoreIntegrationTests

from cabinet_client import Cabinet
from cabinet_client.langchain import CabinetChatMessageHistory, CabinetRetriever, CabinetVectorStore

ODD_TEXTS = ["# Not a heading", "<html><p>a</p>", "  spaced  ", "%PDF-1.7", "a\r\nb", '{"a": 1}', "é" * 40, "x\n\n\ny"]


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, cabinet: Cabinet) -> Generator[VectorStore, None, None]:
        yield CabinetVectorStore(cabinet)


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def collection(self, cabinet: Cabinet) -> None:
        store = CabinetVectorStore(cabinet)
        store.add_texts(["The Moon is far.", "A parcel is slow.", "Bread rises.", "The Sun is hot."])
        self._cabinet, self._collection = cabinet, store.collection_id

    @property
    def retriever_constructor(self) -> type[CabinetRetriever]:
        return CabinetRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"client": self._cabinet, "collection_ids": [self._collection]}

    @property
    def retriever_query_example(self) -> str:
        return "How far away is the Moon?"


def test_a_filter_limits_a_search_and_scores_descend(cabinet: Cabinet) -> None:
    store = CabinetVectorStore.from_texts(
        ["The Moon in 1969", "The Moon in 2026", "Bread"],
        metadatas=[{"year": 1969}, {"year": 2026}, {}],
        client=cabinet,
    )
    recent = {"type": "gte", "key": "year", "value": 2000}

    assert [one.metadata["year"] for one in store.similarity_search("Moon", filter=recent)] == [2026]
    assert [one.metadata["year"] for one in store.similarity_search("Moon", filter={"year": 1969})] == [1969]
    scored = store.similarity_search_with_relevance_scores("The Moon in 1969", k=3)
    assert scored[0][0].page_content == "The Moon in 1969"
    assert 1 >= scored[0][1] >= scored[1][1] >= scored[2][1] >= 0
    retriever = store.as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.5})
    assert [one.page_content for one in retriever.invoke("The Moon in 1969")][:1] == ["The Moon in 1969"]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_text_comes_back_as_it_was_given(cabinet: Cabinet, text: str) -> None:
    store = CabinetVectorStore(cabinet)
    metadata = {"start": 7, "page": 3, "title": "T", "nested": {"a": [1, None]}}

    [id_] = store.add_documents([Document(page_content=text, metadata=metadata, id="a/b%2F../c.md")])

    assert id_ == "a/b%2F../c.md"
    assert store.get_by_ids([id_]) == [Document(page_content=text, metadata=metadata, id=id_)]
    assert store.similarity_search("a", k=1) == [Document(page_content=text, metadata=metadata, id=id_)]


def test_the_same_id_in_two_stores_is_two_texts(cabinet: Cabinet) -> None:
    one, two = CabinetVectorStore(cabinet), CabinetVectorStore(cabinet)
    one.add_texts(["first"], ids=["1"])
    two.add_texts(["second"], ids=["1"])
    one.delete(["1"])

    assert one.get_by_ids(["1"]) == []
    assert [found.page_content for found in two.get_by_ids(["1"])] == ["second"]


def test_a_store_of_uploaded_documents_is_searched(cabinet: Cabinet) -> None:
    [document] = [cabinet.documents.create("moon.md", "# The Moon\n\nIt is far away.", metadata={"topic": "sky"})]
    collection = cabinet.collections.create(name="Uploaded")
    cabinet.collections.add(collection.id, document.id)
    cabinet.documents.wait([document])

    [found] = CabinetVectorStore(cabinet, collection.id).similarity_search("Moon")

    assert found.metadata["topic"] == "sky"
    assert found.metadata["heading"] == ["The Moon"]
    assert found.id == str(next(iter(cabinet.documents.chunks(document.id))).id)


MESSAGES: list[BaseMessage] = [
    SystemMessage("Be brief.", id="s1"),
    HumanMessage([{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "u"}}], id="h1"),
    AIMessage(
        "",
        id="a1",
        tool_calls=[{"name": "look", "args": {"deep": [1, {"a": "ü"}]}, "id": "call_1", "type": "tool_call"}],
        usage_metadata={"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
        response_metadata={"model_name": "m"},
    ),
    ToolMessage("A moon.", id="t1", tool_call_id="call_1", name="look", status="error"),
    AIMessage("It is the Moon.", id="a2", name="astronomer", additional_kwargs={"k": 1}),
    HumanMessage("Thanks."),
]  # fmt: skip


async def test_a_history_keeps_messages_whole(cabinet: Cabinet) -> None:
    history = CabinetChatMessageHistory(cabinet, title="A chat")
    history.add_messages(MESSAGES[:3])
    await history.aadd_messages(MESSAGES[3:])

    again = CabinetChatMessageHistory(cabinet, history.conversation_id)
    assert again.messages[:-1] == MESSAGES[:-1]
    assert again.messages[-1].content == "Thanks."
    assert await again.aget_messages() == again.messages
    assert history.context(token_budget=10)[-1].content == "Thanks."
    await history.aclear()
    assert again.messages == []


def test_a_history_is_a_conversation_for_other_clients(cabinet: Cabinet) -> None:
    history = CabinetChatMessageHistory(cabinet)
    history.add_user_message("Hello")
    cabinet.conversations.append(
        history.conversation_id,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "developer", "content": "Be kind."},
    )

    stored = list(cabinet.conversations.messages(history.conversation_id))
    _, call, developer = history.messages

    assert [(one.role, one.content) for one in stored[:1]] == [("user", "Hello")]
    assert isinstance(call, AIMessage)
    assert [(one["name"], one["args"], one["id"]) for one in call.tool_calls] == [("f", {}, "c")]
    assert isinstance(developer, ChatMessage)
    assert developer.role == "developer"


def test_the_vectors_can_be_those_of_a_model_of_langchain(cabinet: Cabinet) -> None:
    # Vectors without meaning: only equal texts have equal vectors. Their dimensions are those of the service's model.
    model = DeterministicFakeEmbedding(size=256)
    store = CabinetVectorStore(cabinet, embedding=model)
    store.add_texts(["one", "two", "three"], ids=["1", "2", "3"])

    assert [found.id for found in store.similarity_search("two", k=1, mode="meaning")] == ["2"]
    vector = model.embed_query("three")
    assert [found.id for found in store.similarity_search_by_vector(vector, k=1)] == ["3"]
    [(_, score)] = store.similarity_search_with_score("three", k=1, mode="meaning")
    assert score > 0.99
