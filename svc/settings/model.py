"""The settings of the embedding model and of the calls to its endpoint."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from svc.settings.group import PREFIX, Group
from svc.settings.http_url import check_http_url

LOCAL_MODEL = "wordllama-l2-supercat-256"
LOCAL_DIMENSIONS = 256
OPENAI_MODEL = "text-embedding-3-small"
OPENAI_DIMENSIONS = 1536


class ModelSettings(Group):
    """The embedding model."""

    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("openai_api_key", "OPENAI_API_KEY"),
        description="API key of the embedding endpoint. If neither this nor a base URL is set, the "
        "local model is used.",
    )
    openai_base_url: str | None = Field(
        None,
        validation_alias=AliasChoices("openai_base_url", "OPENAI_BASE_URL"),
        description="Base URL of an OpenAI-compatible embedding endpoint.",
    )
    embedding_provider: Literal["auto", "openai", "local"] = Field(
        "auto", description="auto selects openai if an API key or a base URL is set, otherwise local."
    )
    embedding_model: str | None = Field(
        None, description=f"Name of the model; the default is {OPENAI_MODEL} for openai and {LOCAL_MODEL} for local."
    )
    embedding_dimensions: int | None = Field(
        None,
        ge=1,
        le=3584,
        description="Dimensions of the vectors; a row with more than 3584 does not fit into a page.",
    )

    @field_validator("openai_base_url")
    @classmethod
    def _base_url_is_http(cls, value: str | None) -> str | None:
        if value is not None:
            check_http_url(value)
        return value

    @model_validator(mode="after")
    def _provider_has_the_model(self) -> Self:
        if self.provider == "openai" and self.openai_api_key is None and self.openai_base_url is None:
            raise ValueError(f"{PREFIX}EMBEDDING_PROVIDER is openai, but OPENAI_API_KEY is not set")
        if self.provider == "local" and (self.model, self.dimensions) != (LOCAL_MODEL, LOCAL_DIMENSIONS):
            raise ValueError(
                f"the local provider has one model, {LOCAL_MODEL} with {LOCAL_DIMENSIONS} dimensions; set "
                f"OPENAI_API_KEY or OPENAI_BASE_URL to use {self.model} with {self.dimensions}"
            )
        return self

    @property
    def provider(self) -> Literal["openai", "local"]:
        """The embedding provider, with `auto` resolved."""
        if self.embedding_provider != "auto":
            return self.embedding_provider
        return "openai" if self.openai_api_key or self.openai_base_url else "local"

    @property
    def model(self) -> str:
        """Name of the embedding model."""
        return self.embedding_model or (OPENAI_MODEL if self.provider == "openai" else LOCAL_MODEL)

    @property
    def dimensions(self) -> int:
        """Dimensions of the vectors."""
        return self.embedding_dimensions or (OPENAI_DIMENSIONS if self.provider == "openai" else LOCAL_DIMENSIONS)


class EmbeddingSettings(ModelSettings):
    """How the embedding provider is called."""

    embedding_batch_size: int = Field(256, ge=1, le=2048, description="Texts in one call; the OpenAI API accepts 2048.")
    embedding_concurrency: int = Field(4, ge=1, le=256, description="Concurrent calls to the provider in one process.")
    embedding_timeout_s: float = Field(30.0, gt=0, le=600, description="Seconds to wait for one call.")
    embedding_max_retries: int = Field(3, ge=0, le=20, description="Immediate retries of a failed call.")
    embedding_proxy: SecretStr | None = Field(
        None,
        description="URL of the HTTP proxy for calls to the endpoint. Without it they go to the endpoint directly; "
        "HTTP_PROXY and similar variables are ignored.",
    )
    embedding_cache_mb: int = Field(
        64,
        ge=0,
        le=65536,
        description="Megabytes for the cache of the most recently embedded texts' vectors in one "
        "process; 0 turns it off.",
    )

    @field_validator("embedding_proxy")
    @classmethod
    def _proxy_is_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_http_url(value.get_secret_value())
        return value
