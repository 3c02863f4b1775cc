"""Cabinet for LangChain: a vector store, a retriever, and a chat history.

Install it with `pip install 'cabinet-client[langchain]'`. The asynchronous methods run the blocking ones in a thread.
"""

from cabinet_client.langchain.history import CabinetChatMessageHistory
from cabinet_client.langchain.retriever import CabinetRetriever
from cabinet_client.langchain.vector_store import CabinetVectorStore

__all__ = ["CabinetChatMessageHistory", "CabinetRetriever", "CabinetVectorStore"]
