"""The settings in groups: each part of Cabinet takes only its own group, which mypy enforces.

`Settings` combines the groups. A field contains the default, the bounds and the description of one setting.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from svc.settings.browsers import BrowserSettings
from svc.settings.connections import ConnectionSettings
from svc.settings.database import DatabaseSettings
from svc.settings.group import PREFIX, Group
from svc.settings.model import EmbeddingSettings, ModelSettings
from svc.settings.process import ProcessSettings
from svc.settings.proxies import ProxySettings
from svc.settings.sign_in import SignInSettings
from svc.settings.terms import TermSettings


class FolderSettings(Group):
    """Where this process keeps its data."""

    data_dir: Path = Field(
        Path(".cabinet"), description="Folder for the data of the embedded server and for the admin key."
    )


class SearchSettings(ModelSettings, TermSettings):
    """The selection of a search's lane, and of tenants with their own index."""

    exact_max_rows: int | None = Field(
        None,
        ge=0,
        le=1_000_000_000,
        description="Vectors of a tenant up to which every search is exact; the default is 800,000 divided by the "
        "dimensions. Above this number, searches by cosine compare signatures first.",
    )
    index_min_rows: int = Field(
        5_000,
        ge=1,
        le=1_000_000_000,
        description="Vectors from which a tenant gets an HNSW index of their own; it is kept down to half as many.",
    )
    index_max_count: int = Field(
        100,
        ge=0,
        le=10_000,
        description="Maximum number of tenants with such an index, the largest first; each index "
        "adds about 4 µs to the "
        "planning of every search.",
    )
    index_memory_mb: int = Field(
        1024,
        ge=64,
        le=1_000_000,
        description="Megabytes for building an index (maintenance_work_mem); the build takes several "
        "times as long if the "
        "graph does not fit.",
    )
    index_check_s: float = Field(
        0.0,
        ge=0,
        le=86_400,
        description="Seconds between a worker's checks for indexes to create or drop; 0 leaves them to "
        "`cabinet index apply`.",
    )

    @property
    def exact_rows(self) -> int:
        """Vectors of a tenant up to which the exact lane is the fastest, by `cabinet bench` at 256 and 1,536."""
        return 800_000 // self.dimensions if self.exact_max_rows is None else self.exact_max_rows


class ParserSettings(Group):
    """How a document is cut into chunks, and the resources that its parser may use."""

    chunk_tokens: int = Field(512, ge=16, le=8191, description="Maximum tokens in a chunk.")
    chunk_overlap_tokens: int = Field(64, ge=0, le=4096, description="Maximum tokens that neighbouring chunks share.")
    max_chunks: int = Field(20_000, ge=1, le=1_000_000, description="Maximum chunks in one document.")
    parse_cpu_s: int = Field(20, ge=1, le=600, description="CPU seconds for parsing one document.")
    parse_timeout_s: float = Field(40.0, gt=0, le=600, description="Seconds for parsing one document.")
    ocr: bool = Field(False, description="Recognize the text in images and scanned pages; needs the extra `ocr`.")
    parse_memory_mb: int = Field(512, ge=128, le=65536, description="Megabytes of memory for parsing one document.")

    @model_validator(mode="after")
    def _ocr_is_installed(self) -> Self:
        if self.ocr and not all(map(find_spec, ("rapidocr", "onnxruntime"))):
            raise ValueError(f"{PREFIX}OCR is on, but the extra is missing: pip install 'cabinet-svc[ocr]'")
        return self

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.chunk_overlap_tokens * 2 > self.chunk_tokens:
            raise ValueError(
                f"{PREFIX}CHUNK_OVERLAP_TOKENS ({self.chunk_overlap_tokens}) is more than half of "
                f"{PREFIX}CHUNK_TOKENS ({self.chunk_tokens})"
            )
        return self


class WorkerSettings(ParserSettings, EmbeddingSettings, DatabaseSettings, TermSettings):
    """The settings of a worker: parsing, embedding, storing, and its loops."""

    reuse_embeddings: bool = Field(
        True,
        description="Whether a text that the tenant has already stored gets the stored vector "
        "instead of being embedded "
        "again.",
    )
    embed_messages: bool = Field(
        True,
        description="Whether messages are embedded after they are appended, so that they can be found by meaning.",
    )
    worker_concurrency: int = Field(
        4,
        ge=0,
        le=64,
        description="Documents ingested at once in this process; with 0, a server runs no worker.",
    )
    worker_lease_s: float = Field(
        60.0,
        gt=0.1,
        le=3600,
        description="Seconds without a heartbeat after which a worker's document goes to another worker.",
    )
    worker_poll_s: float = Field(
        5.0, gt=0, le=600, description="Seconds between polls of the queue when no notice arrives."
    )
    worker_max_attempts: int = Field(
        5,
        ge=1,
        le=100,
        description="Failed attempts before a document fails. An outage of the embedding endpoint is none.",
    )
    worker_max_interruptions: int = Field(
        20,
        ge=1,
        le=1000,
        description="Interrupted attempts before a document fails: its worker died or lost the database each time.",
    )
    worker_retry_s: float = Field(
        5.0, ge=0, le=3600, description="Seconds before the second attempt; doubled for each further attempt."
    )


class AccessSettings(FolderSettings, SignInSettings):
    """Keys, tokens, and the plan of new users."""

    admin_key: SecretStr | None = Field(
        None, min_length=16, description="The admin's key; the default is generated and kept in the data folder."
    )
    key_cache_s: float = Field(
        5.0,
        ge=0,
        le=60,
        description="Seconds for which a checked API key is cached; for as long, another server can still accept a "
        "revoked key.",
    )
    default_plan: str = Field(
        "free", min_length=1, max_length=63, description="Plan of a new user if the request names none; it must exist."
    )


class ServerSettings(ConnectionSettings, AccessSettings, BrowserSettings, ProcessSettings, ProxySettings):
    """The HTTP server."""

    overload_late_s: float = Field(
        0.1,
        ge=0,
        le=60,
        description="Seconds by which the server's work may be late before new requests are refused with 503, if there "
        "are many; 0 turns this off.",
    )
    max_upload_bytes: int = Field(32 * 2**20, ge=1024, le=2**30, description="Largest upload, in bytes.")
    max_body_bytes: int = Field(
        4 * 2**20,
        ge=1024,
        le=2**30,
        description="Largest other request body, in bytes; most routes have a lower limit.",
    )

    @model_validator(mode="after")
    def _bodies_fit_into_memory(self) -> Self:
        largest = max(self.max_upload_bytes, self.max_body_bytes)
        if largest > self.max_in_flight_bytes:
            raise ValueError(
                f"{PREFIX}MAX_IN_FLIGHT_BYTES ({self.max_in_flight_bytes}) is less than the largest body ({largest})"
            )
        return self
