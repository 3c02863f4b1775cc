"""The user's documents as a LangChain retriever."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from cabinet_client import Cabinet, bodies, models
from cabinet_client.langchain.documents import restriction


class CabinetRetriever(BaseRetriever):
    """Finds the best chunks of all documents of the user, or of some collections.

    `neighbours` is the number of chunks on each side to add to the text of a result. The metadata of a result also has
    `filename`, `document_id`, `chunk_index` and `score`; its id is that of the chunk, which a message can cite.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    client: Cabinet
    k: int = 4
    collection_ids: list[UUID | str] | None = None
    filter: dict[str, Any] | None = None
    mode: Literal["hybrid", "meaning", "keyword"] = "hybrid"
    neighbours: int = 0
    max_tokens: int | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        search: bodies.Search = {
            "limit": self.k if k is None else k,
            "mode": self.mode,
            "neighbours": self.neighbours,
            **restriction(self.filter),
        }
        if self.collection_ids is not None:
            search["collection_ids"] = self.collection_ids
        if self.max_tokens is not None:
            search["max_tokens"] = self.max_tokens
        return [_document(result) for result in self.client.search(query, **search)]


def _document(result: models.Result) -> Document:
    place = {
        "filename": result.filename,
        "document_id": str(result.document_id),
        "chunk_index": result.chunk_index,
        "score": result.score,
    }
    content = result.passage.content if result.passage else result.content
    return Document(id=str(result.chunk_id), page_content=content, metadata={**result.metadata, **place})
