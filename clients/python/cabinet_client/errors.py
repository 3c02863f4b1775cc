"""The exceptions of the client. Those for an answer carry the fields of the service's problem document (RFC 9457)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cabinet_client.models import Document


class FieldFault(msgspec.Struct, frozen=True):
    """A wrong field of the request, and the reason."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an error."""

    title: str = ""
    status: int = 0
    detail: str = ""
    type: str = "about:blank"
    request_id: str | None = None
    errors: list[FieldFault] = []
    violated_policies: list[str] = msgspec.field(name="violated-policies", default_factory=list)
    quota: str | None = None
    used: int | None = None
    allowed: int | None = None
    resets_at: str | None = None


class CabinetClientError(Exception):
    """Every error that this client raises."""


class NoAnswerError(CabinetClientError):
    """The service cannot be reached, or the connection broke; whether the request took effect is unknown."""


class UnexpectedAnswerError(CabinetClientError):
    """The answer is not from Cabinet: another program answers at this URL, or a proxy."""


class FileChangedError(CabinetClientError):
    """A file became shorter while it was sent; nothing was stored."""


class WaitTimeoutError(CabinetClientError):
    """A document is still being ingested after the time that the caller allows."""


class IngestionError(CabinetClientError):
    """Documents could not be ingested; `documents` contains them, each with its `error`."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = list(documents)
        super().__init__("; ".join(f"{document.filename}: {document.error}" for document in documents))

    def __reduce__(self) -> tuple[type[IngestionError], tuple[list[Document]]]:
        return type(self), (self.documents,)


class AnswerError(CabinetClientError):
    """The service refused a request; the subclass depends on the status."""

    def __init__(self, status: int, problem: Problem, retry_after_s: float | None = None) -> None:
        self.status = status
        self.problem = problem
        self.detail = problem.detail
        self.errors = problem.errors
        self.request_id = problem.request_id
        self.retry_after_s = retry_after_s
        super().__init__(f"{status} {problem.title}: {problem.detail}")

    # An exception is pickled with the arguments of `Exception`, here the message alone.
    def __reduce__(self) -> tuple[type[AnswerError], tuple[int, Problem, float | None]]:
        return type(self), (self.status, self.problem, self.retry_after_s)


class InvalidRequestError(AnswerError):
    """400, 413, 414, 415, 422: the request is wrong; `errors` names each field."""


class NotAuthenticatedError(AnswerError):
    """401: the key is missing, unknown, expired or revoked."""


class NotAllowedError(AnswerError):
    """403: the key lacks the permission."""


class QuotaExceededError(NotAllowedError):
    """403: a limit of the user's plan is reached; `problem` has `quota`, `used`, `allowed` and `resets_at`."""


class NotFoundError(AnswerError):
    """404: it does not exist, or it belongs to another user."""


class ConflictError(AnswerError):
    """409 and 412: the request conflicts with stored data."""


class TooManyRequestsError(AnswerError):
    """429: too many requests, even after the client's retries."""


class UnavailableError(AnswerError):
    """5xx: the service cannot work now, even after the client's retries."""


_CLASSES: dict[int, type[AnswerError]] = {
    400: InvalidRequestError,
    401: NotAuthenticatedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    413: InvalidRequestError,
    414: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: TooManyRequestsError,
}


def answer_error(
    status: int, body: bytes, retry_after_s: float | None = None, location: str | None = None
) -> AnswerError:
    """The exception for an answer; the detail of one without a problem document is its body.

    `location` is the target of a redirect.
    """
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        problem = Problem()
    if not problem.detail:
        said = body[:500].decode("utf-8", "replace").strip() or "it has no content"
        if location is not None:
            said = f"it redirects to {location[:500]}; use the URL of the service there"
        title = problem.title or "Unexpected answer"
        problem = msgspec.structs.replace(problem, title=title, status=status, detail=said)
    kind = _CLASSES.get(status, UnavailableError if status >= 500 else AnswerError)
    if problem.quota is not None and kind is NotAllowedError:
        kind = QuotaExceededError
    return kind(status, problem, retry_after_s)
