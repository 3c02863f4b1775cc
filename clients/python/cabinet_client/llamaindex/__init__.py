"""Cabinet for LlamaIndex: a vector store and a retriever.

Install it with `pip install 'cabinet-client[llamaindex]'`. The asynchronous methods run the blocking ones in a thread.
"""

from cabinet_client.llamaindex.retriever import CabinetRetriever
from cabinet_client.llamaindex.vector_store import CabinetVectorStore

__all__ = ["CabinetRetriever", "CabinetVectorStore"]
