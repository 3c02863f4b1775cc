"""The settings of the database and of its connections."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

import psutil
from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from svc.settings.database_url import read_url
from svc.settings.group import PREFIX
from svc.settings.model import ModelSettings

SERVICE_ROLE = "cabinet_service"


class DatabaseSettings(ModelSettings):
    """The database and its connections."""

    database_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("database_url", "DATABASE_URL"),
        description="URL of a PostgreSQL 16 to 18 with pgvector >= 0.8.5. If it is not set, an "
        "embedded server runs in the data folder.",
    )
    owner_database_url: SecretStr | None = Field(
        None,
        description="URL of the same database with the owner's login, for migrations and indexes; "
        "the default is DATABASE_URL.",
    )
    service_role: str = Field(
        SERVICE_ROLE,
        min_length=1,
        max_length=63,
        description="Role of the service. If it exists, `cabinet migrate apply` grants it the "
        "privileges that the service "
        "needs; the embedded server creates it, and the service connects as this role.",
    )
    rls: bool = Field(
        False,
        description="Whether row level security is a second barrier between users: `cabinet migrate apply` creates the "
        "policies, and each transaction names its user to the server.",
    )
    postgres_version: Literal["16", "18"] = Field("18", description="Major version of the embedded server.")
    postgres_memory_mb: int | None = Field(
        None,
        ge=16,
        le=1_000_000,
        description="Megabytes for shared_buffers of the embedded server, allocated as needed; the "
        "default is an eighth of "
        "the machine's memory, from 128 to 4096.",
    )
    backup_dir: Path | None = Field(
        None,
        description="Folder for base backups of the embedded server and for its WAL, which `cabinet serve` then "
        "archives at least once a minute.",
    )
    pool_min_size: int = Field(1, ge=0, le=1000, description="Connections kept open.")
    pool_size: int = Field(
        10, ge=1, le=1000, description="Maximum number of connections, apart from those of CABINET_GENERIC_POOL_SIZE."
    )
    generic_pool_size: int = Field(
        4,
        ge=0,
        le=1000,
        description="Maximum number of further connections, for statements that are planned once and not for each run: "
        "searches of chunks without filters, and the context of a conversation. If none is free, such a statement uses "
        "one of the others; 0: always.",
    )
    acquire_timeout_s: float = Field(
        5.0, gt=0, le=600, description="Seconds that a worker or a command waits for a free connection."
    )
    request_wait_s: float = Field(
        0.75,
        gt=0,
        le=60,
        description="Seconds that a request waits for a free connection before it is refused with 503, or with 429 if "
        "the same user's other requests hold those that one user may hold: half of the connections that others leave.",
    )
    statement_timeout_s: float = Field(
        10.0, ge=0.01, le=3600, description="Maximum seconds for a statement on the server."
    )
    slow_statement_ms: float = Field(
        500.0,
        ge=0,
        le=3_600_000,
        description="Milliseconds from which a statement is logged, with the types and sizes of its parameters and, at "
        "intervals, its plan; 0 turns this off.",
    )
    slow_plan_s: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="Minimum seconds between two plans of the same slow statement in the log; 0 turns plans off.",
    )
    connect_timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds to wait for a new connection.")
    migration_wait_s: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="Seconds for which a migration retries to get the locks that it needs, waiting "
        "at most 2 seconds each "
        "time; then it fails and changes nothing.",
    )

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _database_url_is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else SecretStr(read_url(value.get_secret_value()))

    @model_validator(mode="after")
    def _connections_fit_together(self) -> Self:
        if self.owner_database_url is not None and self.database_url is None:
            raise ValueError(
                f"{PREFIX}OWNER_DATABASE_URL is set, but DATABASE_URL, with which the service connects, is not"
            )
        if self.pool_min_size > self.pool_size:
            raise ValueError(
                f"{PREFIX}POOL_MIN_SIZE ({self.pool_min_size}) is greater than {PREFIX}POOL_SIZE ({self.pool_size})"
            )
        return self

    @property
    def embedded_memory_mb(self) -> int:
        """Megabytes for shared_buffers of the embedded server."""
        eighth_mb = psutil.virtual_memory().total // 2**23
        return self.postgres_memory_mb or max(128, min(4096, eighth_mb))
