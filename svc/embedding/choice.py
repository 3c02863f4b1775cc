"""Which embedding provider the settings ask for."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from svc.embedding.cache import CachingProvider
from svc.embedding.provider import EmbeddingProvider
from svc.settings.groups import EmbeddingSettings

logger = logging.getLogger(__name__)


def create_provider(settings: EmbeddingSettings) -> EmbeddingProvider:
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
    caching = CachingProvider(provider, megabytes * 2**20)
    logger.info("embeddings: the last %d vectors are remembered, in up to %d MB", caching.capacity, megabytes)
    return caching


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
