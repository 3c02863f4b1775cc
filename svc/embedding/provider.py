"""What an embedding provider is, which one the settings ask for, and which texts any of them takes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from svc.errors import EmbeddingRefusedError
from svc.settings import Settings

logger = logging.getLogger(__name__)


class EmbeddingProvider(Protocol):
    """Turns texts into vectors. A process makes one and shares it: its limits hold for the whole process."""

    @property
    def name(self) -> str:
        """`openai` or `local`."""

    @property
    def model(self) -> str:
        """Name of the model; vectors of different models cannot be compared."""

    @property
    def dimensions(self) -> int:
        """Components in each vector."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed any number of texts, in batches of the provider's own choosing.

        Returns:
            An array of shape (len(texts), dimensions), row i for text i, every row fit to be stored as
            `halfvec`.

        Raises:
            EmbeddingUnavailableError: the provider did not answer, not even after retries; later may help.
            EmbeddingRefusedError: a text cannot be embedded, or the provider refuses; again would not help.
            ConnectionHeldError: the calling task holds a database connection.
        """

    async def close(self) -> None:
        """Free what the provider holds. It cannot be used afterwards."""


def create_provider(settings: Settings) -> EmbeddingProvider:
    """Make the provider that the settings ask for, behind its cache, and log which one it is."""
    # Each provider is imported only when it is the one: openai takes 0.4 s and wordllama 0.3 s to import.
    provider: EmbeddingProvider
    if settings.provider == "openai":
        from svc.embedding.openai import DEFAULT_BASE_URL, OpenAIProvider  # noqa: PLC0415

        provider = OpenAIProvider(settings)
        where = _without_credentials(settings.openai_base_url or DEFAULT_BASE_URL)
        remark = f"at {where}"
    else:
        from svc.embedding.local import LocalProvider  # noqa: PLC0415

        provider = LocalProvider(settings)
        remark = "inside this process"
        if settings.embedding_provider == "auto":
            remark += ", because neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"
    logger.info("embeddings: %s with %d dimensions, %s", provider.model, provider.dimensions, remark)
    return _with_cache(provider, settings.embedding_cache_mb)


def _with_cache(provider: EmbeddingProvider, megabytes: int) -> EmbeddingProvider:
    if not megabytes:
        logger.info("embeddings: no vectors are remembered, because CABINET_EMBEDDING_CACHE_MB is 0")
        return provider
    # It imports this module.
    from svc.embedding.cache import CachingProvider  # noqa: PLC0415

    caching = CachingProvider(provider, megabytes * 2**20)
    logger.info("embeddings: the last %d vectors are remembered, in up to %d MB", caching.capacity, megabytes)
    return caching


def check_texts(texts: Sequence[str]) -> list[int]:
    """Check that every text can be sent to a model, and return their sizes in bytes of UTF-8.

    Raises:
        EmbeddingRefusedError: a text is empty, which the OpenAI API refuses and for which the local model has
            no vector, or holds a lone surrogate, which no encoding carries. It names the first such text.
    """
    sizes = []
    for index, text in enumerate(texts):
        if not text:
            raise EmbeddingRefusedError(f"text {index} is empty, and nothing can be embedded for it")
        try:
            sizes.append(len(text.encode()))
        except UnicodeEncodeError as error:
            raise EmbeddingRefusedError(
                f"text {index} holds a lone surrogate at character {error.start}, which is no valid Unicode"
            ) from None
    return sizes


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
