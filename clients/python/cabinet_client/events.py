"""Events for the caller's `on_event` or `progress`: the progress of an operation that waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cabinet_client.models import Document


@dataclass(frozen=True)
class RetryEvent:
    """A request is sent again after a pause of `delay_s`; `reason` is the status or the kind of failure."""

    method: str
    path: str
    attempt: int
    delay_s: float
    reason: str


@dataclass(frozen=True)
class UploadEvent:
    """A file is uploaded: the `number`th of `total`."""

    path: Path
    document: Document
    number: int
    total: int


@dataclass(frozen=True)
class IngestionEvent:
    """The status or the progress of a document has changed."""

    document: Document


Event = RetryEvent | UploadEvent | IngestionEvent
Listener = Callable[[Event], None]
