"""Why a file is kept, and until when: the fields that files and uploads share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]

_BATCH_DAYS: Final = 30


class FileExpiry(Struct, frozen=True, forbid_unknown_fields=True):
    """The seconds after the creation of a file at which it is deleted: from an hour to 30 days."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]


def expires_at(purpose: str, expiry: FileExpiry | None) -> datetime | None:
    """Return when a file that is created now is deleted; None for never. Files of the purpose batch stay 30 days."""
    if expiry is not None:
        return datetime.now(UTC) + timedelta(seconds=expiry.seconds)
    return datetime.now(UTC) + timedelta(days=_BATCH_DAYS) if purpose == "batch" else None
