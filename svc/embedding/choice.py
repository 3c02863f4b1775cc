"""Creates the embedding provider that the settings select."""

from __future__ import annotations

import logging
from urllib.request import getproxies_environment

from svc.embedding.cache import CachingProvider
from svc.embedding.provider import EmbeddingProvider
from svc.printable import printable
from svc.settings.http_url import without_credentials
from svc.settings.model import EmbeddingSettings

logger = logging.getLogger(__name__)


def create_provider(settings: EmbeddingSettings) -> EmbeddingProvider:
    """Create the provider that the settings select, wrapped in a cache, and log which one it is."""
    # Imported only when selected: openai takes 0.4 s and wordllama 0.3 s to import.
    provider: EmbeddingProvider
    if settings.provider == "openai":
        from svc.embedding.openai import DEFAULT_BASE_URL, OpenAIProvider  # noqa: PLC0415

        provider = OpenAIProvider(settings)
        where = without_credentials(settings.openai_base_url or DEFAULT_BASE_URL)
        remark = f"at {printable(where)}"
        if settings.embedding_proxy is not None:
            remark += ", through the proxy in CABINET_EMBEDDING_PROXY"
        elif getproxies_environment().keys() & {"http", "https", "all"}:
            logger.info("embeddings: the proxy of the environment is not used; CABINET_EMBEDDING_PROXY selects one")
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
        logger.info("embeddings: the cache is off, because CABINET_EMBEDDING_CACHE_MB is 0")
        return provider
    caching = CachingProvider(provider, megabytes * 2**20)
    logger.info("embeddings: the cache keeps up to %d vectors in %d MB", caching.capacity, megabytes)
    return caching
