"""What can go wrong, by what the caller can do about it. `http.py` turns each into a problem document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

# Faults that are spelt out in the detail of an error with many.
_SHOWN_FAULTS = 3


@dataclass(frozen=True)
class FieldFault:
    """What is wrong with one field of a request. `detail` is a sentence that names the field."""

    field: str
    detail: str


class CabinetError(Exception):
    """Base of every error that is written for the person who reads it.

    `detail` says what was wrong and what to do. `field` names the part of the request that is wrong,
    as a path such as `metadata.pages[2]`. `retry_after_s` is set where trying again can help.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, field: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s

    @property
    def faults(self) -> Sequence[FieldFault]:
        """The fields that are wrong, each with what is wrong with it."""
        return [] if self.field is None else [FieldFault(self.field, self.detail)]


class MalformedRequestError(CabinetError):
    """The request could not be read at all: broken JSON, a broken multipart body, a broken header."""

    status = 400
    title = "Malformed request"


class UnauthenticatedError(CabinetError):
    """No key, or one that is unknown, expired or revoked."""

    status = 401
    title = "Not authenticated"


class ForbiddenError(CabinetError):
    """The key is good, but not for this."""

    status = 403
    title = "Not allowed"


class QuotaExceededError(CabinetError):
    """A limit of the user's plan is reached.

    `quota` is its name, `used` and `allowed` are in its own unit, and `resets_at` is when the use begins anew; None:
    only deletions bring it down.
    """

    status = 403
    title = "Quota exceeded"

    def __init__(
        self,
        detail: str,
        *,
        quota: str,
        used: int,
        allowed: int,
        resets_at: datetime | None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.quota = quota
        self.used = used
        self.allowed = allowed
        self.resets_at = resets_at


class RateLimitedError(QuotaExceededError):
    """More requests in this minute than the user's plan allows."""

    status = 429
    title = "Too many requests"


class NotFoundError(CabinetError):
    """It is not there, or it belongs to somebody else: the answer is the same."""

    status = 404
    title = "Not found"


class ConflictError(CabinetError):
    """The request contradicts what is stored."""

    status = 409
    title = "Conflict"


class TooLargeError(CabinetError):
    """The body is over a limit."""

    status = 413
    title = "Too large"


class UnsupportedMediaTypeError(CabinetError):
    """The body is of a type that this route does not read."""

    status = 415
    title = "Unsupported media type"


class InvalidRequestError(CabinetError):
    """The request was read, and a value in it is wrong."""

    status = 422
    title = "Invalid request"


class InvalidFieldsError(InvalidRequestError):
    """One or more fields are wrong. `detail` lists the first few of them, `faults` all."""

    def __init__(self, faults: Sequence[FieldFault]) -> None:
        shown = "; ".join(fault.detail for fault in faults[:_SHOWN_FAULTS])
        more = len(faults) - _SHOWN_FAULTS
        super().__init__(shown if more <= 0 else f"{shown}; and {more} more, listed in errors")
        self._faults = faults

    @property
    def faults(self) -> Sequence[FieldFault]:
        """The fields that are wrong."""
        return self._faults


class UnavailableError(CabinetError):
    """Something that the request needs does not answer now; trying again later can help."""

    status = 503
    title = "Unavailable"


class DatabaseUnavailableError(UnavailableError):
    """The database is out of reach, or every connection was busy for as long as we may wait."""


class EmbeddingUnavailableError(UnavailableError):
    """The embedding provider failed in a way that may pass: no answer, 429, 5xx."""


class EmbeddingRefusedError(CabinetError):
    """The embedding provider refused, or answered with vectors that cannot be used; again would not help."""

    status = 503
    title = "Embedding refused"


class DocumentRejectedError(CabinetError):
    """The document cannot be ingested as it is: encrypted, damaged, empty, too large to parse."""

    status = 422
    title = "Document rejected"


class LeaseLostError(CabinetError):
    """Another worker holds the job now; whatever this one did must not be stored."""


class StartupError(CabinetError):
    """The service refuses to start: a wrong setting, a statement that does not fit the schema, a wrong model."""


class ConnectionHeldError(RuntimeError):
    """A programming error: an external call was about to be made while this task holds a database connection."""
