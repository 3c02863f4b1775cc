"""The user's documents as a LlamaIndex retriever."""

from __future__ import annotations

import asyncio
from typing import Any, Unpack

from llama_index.core.callbacks import CallbackManager
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from cabinet_client import Cabinet, bodies, models


class CabinetRetriever(BaseRetriever):
    """Finds the best chunks of all documents of the user. `options` are those of `Cabinet.search`.

    The metadata of a result also has `filename`, `document_id` and `chunk_index`; its id is that of the chunk.
    """

    def __init__(
        self, client: Cabinet, *, callback_manager: CallbackManager | None = None, **options: Unpack[bodies.Search]
    ) -> None:
        self._client, self._options = client, options
        super().__init__(callback_manager=callback_manager)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(result) for result in self._client.search(query_bundle.query_str, **self._options)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(result: models.Result) -> NodeWithScore:
    metadata: dict[str, Any] = {
        **result.metadata,
        "filename": result.filename,
        "document_id": str(result.document_id),
        "chunk_index": result.chunk_index,
    }
    content = result.passage.content if result.passage else result.content
    return NodeWithScore(node=TextNode(id_=str(result.chunk_id), text=content, metadata=metadata), score=result.score)
