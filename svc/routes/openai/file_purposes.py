"""Why a file is kept, and until when: the fields that files and uploads share."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]

_BATCH_S: Final = 30 * 24 * 3600


class FileExpiry(Struct, frozen=True, forbid_unknown_fields=True):
    """The seconds after the creation of a file at which it is deleted: from an hour to 30 days."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]


def expires_after_s(purpose: str, expiry: FileExpiry | None) -> int | None:
    """Return the seconds from the creation of a file to its deletion; None for never.

    Files of the purpose batch stay 30 days.
    """
    if expiry is not None:
        return expiry.seconds
    return _BATCH_S if purpose == "batch" else None
