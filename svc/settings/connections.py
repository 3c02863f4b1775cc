"""The settings of the HTTP connections."""

from __future__ import annotations

from pydantic import Field

from svc.settings.group import Group


class ConnectionSettings(Group):
    """The HTTP connections."""

    max_connections: int = Field(
        4096,
        ge=1,
        le=1_000_000,
        description="Maximum number of HTTP connections of a server. For a new one, those that wait longest for their "
        "client are closed. The server raises its limit of open files for them as far as it may.",
    )
    max_connections_per_address: int = Field(
        1024,
        ge=0,
        le=1_000_000,
        description="The same for one client address (IPv6: for a /64 network), except those of the trusted proxies; "
        "0: no limit.",
    )
    max_header_bytes: int = Field(
        32 * 1024, ge=1024, le=2**20, description="Largest head of a request: request line and header fields, in bytes."
    )
    max_in_flight_bytes: int = Field(
        128 * 2**20,
        ge=2**20,
        le=2**40,
        description="Bytes of request bodies and answers that a server holds in memory at once, for all connections. "
        "If more arrive, slow transfers are ended, and further bodies are refused with 503.",
    )
    max_spooled_bytes: int = Field(
        384 * 2**20,
        ge=2**20,
        le=2**44,
        description="Bytes of uploads that a server holds on disk at once, in the folder for temporary files, until "
        "they are stored; at least CABINET_MAX_UPLOAD_BYTES. If more arrive, slow ones are ended, and further ones are "
        "refused with 503.",
    )
    header_timeout_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="Seconds in which a request's head must arrive, from its first byte or the "
        "start of the connection.",
    )
    body_timeout_s: float = Field(
        20.0,
        gt=0,
        le=3600,
        description="Seconds in which a client must send the rest of a body, or at least 1 KiB of "
        "it for each of these seconds.",
    )
    answer_timeout_s: float = Field(
        20.0,
        gt=0,
        le=3600,
        description="Seconds in which a client must read the rest of an answer, or at least 1 KiB "
        "of it for each of these seconds.",
    )
    keep_alive_s: float = Field(
        15.0, gt=0, le=3600, description="Seconds for which an unused connection is kept open after an answer."
    )
