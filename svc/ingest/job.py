"""A claimed document: the attempt that statements of `sql/ingest/` name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypedDict
from uuid import UUID

from svc.errors import LeaseLostError

GAVE_UP: Final = "gave up after"
"""The beginning of the error of a document whose ingestion failed repeatedly without the document as the cause."""


class JobKey(TypedDict):
    """The parameters that name an attempt."""

    user_id: UUID
    document_id: UUID
    attempt: int


@dataclass(frozen=True)
class Job:
    """A claimed document.

    `attempt` is the fencing token. `tries` counts the attempts that have failed, `interruptions` those whose worker did
    not report the end, including this one; each has its own limit.
    """

    user_id: UUID
    document_id: UUID
    attempt: int
    tries: int
    interruptions: int

    @property
    def key(self) -> JobKey:
        """The parameters by which statements name the attempt."""
        return {"user_id": self.user_id, "document_id": self.document_id, "attempt": self.attempt}


def lease_lost() -> LeaseLostError:
    """Return the error for an attempt that no longer holds its document."""
    return LeaseLostError("another worker has claimed the document, or it was deleted")
