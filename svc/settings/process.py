"""The settings of every process: the addresses on which it listens, its log and its metrics."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from svc.settings.group import Group


class ProcessSettings(Group):
    """Addresses, logs, metrics and traces."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 selects a free port.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Minimum level of logged messages."
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port on which `cabinet worker` serves `/metrics` and `/health`; 0 selects a free port. By "
        "default, it listens on no port.",
    )
    traces: bool = Field(
        False,
        description="Whether traces are sent by OpenTelemetry to the collector in `OTEL_EXPORTER_OTLP_ENDPOINT`; "
        "requires the extra `otel`.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="json logs one object per line, and a line for each request at the level info."
    )
