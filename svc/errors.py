"""The errors, classified by the possible response of the caller. `web/request.py` converts them to problem
documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from svc.field_faults import FieldFault, fault_with

# The maximum number of faults in the detail of an error.
_SHOWN_FAULTS = 3


class CabinetError(Exception):
    """The base class of errors whose messages are written for users.

    `detail` describes the error and its solution. `field` is the path of the wrong part of the request, such as
    `metadata.pages[2]`. `retry_after_s` is set if another attempt can succeed. `code` is the code in the OpenAI
    dialect.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: float | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.code = code

    @property
    def faults(self) -> Sequence[FieldFault]:
        """The wrong fields, each with its fault."""
        if self.field is None:
            return []
        kind = FieldFault if self.code is None else fault_with(self.code)
        return [kind(self.field, self.detail)]


class MalformedRequestError(CabinetError):
    """The request cannot be parsed: broken JSON, a broken multipart body, a broken header."""

    status = 400
    title = "Malformed request"


class UnauthenticatedError(CabinetError):
    """The key is missing, unknown, expired or revoked."""

    status = 401
    title = "Not authenticated"


class TooManyLoginsError(CabinetError):
    """This client has sent too many unknown keys."""

    status = 429
    title = "Too many requests"


class ForbiddenError(CabinetError):
    """The key is valid, but lacks the permission."""

    status = 403
    title = "Not allowed"


class QuotaExceededError(CabinetError):
    """A limit of the user's plan is reached.

    `quota` is the name of the limit, `used` and `allowed` are in its unit, and `resets_at` is when the usage is reset
    (None if only deletions reduce it).
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
    """The user's plan allows no more requests in this minute."""

    status = 429
    title = "Too many requests"


class NotFoundError(CabinetError):
    """The object does not exist or belongs to another user; the answer does not distinguish the two."""

    status = 404
    title = "Not found"


class RequestTimeoutError(CabinetError):
    """The request did not arrive in time."""

    status = 408
    title = "Request timeout"


class ConflictError(CabinetError):
    """The request conflicts with stored data."""

    status = 409
    title = "Conflict"


class PreconditionFailedError(CabinetError):
    """The condition of a conditional request is false."""

    status = 412
    title = "Precondition failed"


class TooLargeError(CabinetError):
    """The body exceeds a limit."""

    status = 413
    title = "Too large"


class TooLongError(CabinetError):
    """The URL exceeds a limit."""

    status = 414
    title = "URI too long"


class UnsupportedMediaTypeError(CabinetError):
    """The route does not accept the media type of the body."""

    status = 415
    title = "Unsupported media type"


class RangeNotSatisfiableError(CabinetError):
    """No byte of the requested range exists. `size` is the number of bytes that exist."""

    status = 416
    title = "Range not satisfiable"

    def __init__(self, detail: str, *, size: int) -> None:
        super().__init__(detail, field="Range")
        self.size = size


class ExpectationFailedError(CabinetError):
    """The request expects something of the server that it does not do."""

    status = 417
    title = "Expectation failed"


class InvalidRequestError(CabinetError):
    """The request can be parsed, but a value in it is wrong."""

    status = 422
    title = "Invalid request"


class InvalidFieldsError(InvalidRequestError):
    """One or more fields are wrong. `detail` lists the first few, `faults` lists all."""

    def __init__(self, faults: Sequence[FieldFault]) -> None:
        shown = "; ".join(fault.detail for fault in faults[:_SHOWN_FAULTS])
        more = len(faults) - _SHOWN_FAULTS
        super().__init__(shown if more <= 0 else f"{shown}; and {more} more, listed in errors")
        self._faults = faults

    @property
    def faults(self) -> Sequence[FieldFault]:
        """The fields that are wrong."""
        return self._faults


class TooManyConnectionsError(CabinetError):
    """The client's address already has the maximum number of connections."""

    status = 429
    title = "Too many connections"


class HeaderTooLargeError(CabinetError):
    """The head of the request exceeds a limit."""

    status = 431
    title = "Request header fields too large"


class UnavailableError(CabinetError):
    """A service that the request needs does not answer now; a later attempt can succeed."""

    status = 503
    title = "Unavailable"


class DatabaseUnavailableError(UnavailableError):
    """The database cannot be reached, or no connection became free in time."""


class ConnectionsBusyError(UnavailableError):
    """Other requests use all connections to the database."""


class TooManyAtOnceError(CabinetError):
    """The other requests of this user already use the user's maximum number of connections."""

    status = 429
    title = "Too many requests"


class RowsLockedError(UnavailableError):
    """Another transaction was changing the same rows; the request itself is correct."""


class DeadlockError(RowsLockedError):
    """A deadlock: the server aborted this transaction, which had no effect."""


class EmbeddingUnavailableError(UnavailableError):
    """The embedding provider failed temporarily: no answer, 429, 5xx.

    `outage_s` is the number of seconds since the provider last answered any request. It is 0 if other requests
    succeeded meanwhile: then the texts may be the cause.
    """

    outage_s: float = 0.0


class EmbeddingRefusedError(CabinetError):
    """The embedding provider refused, or its vectors cannot be used; a retry would not help."""

    status = 503
    title = "Embedding refused"


class DocumentRejectedError(CabinetError):
    """The document cannot be ingested: it is encrypted, damaged, empty, or too large to parse."""

    status = 422
    title = "Document rejected"


class LeaseLostError(CabinetError):
    """Another worker has taken the job; the results of this worker must not be stored."""


class StartupError(CabinetError):
    """The service refuses to start: a wrong setting, a statement that does not fit the schema, a wrong model."""


class ConnectionHeldError(RuntimeError):
    """A bug in Cabinet: a task was about to make an external call while it held a database connection."""
