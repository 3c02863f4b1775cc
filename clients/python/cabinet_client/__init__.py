"""The Python client of Cabinet: `Cabinet` blocks, `AsyncCabinet` is awaited; otherwise they are the same."""

from cabinet_client import bodies, models
from cabinet_client._async.client import AsyncCabinet
from cabinet_client._sync.client import Cabinet
from cabinet_client.errors import (
    AnswerError,
    CabinetClientError,
    ConflictError,
    FileChangedError,
    IngestionError,
    InvalidRequestError,
    NoAnswerError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    QuotaExceededError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from cabinet_client.events import Event, IngestionEvent, RetryEvent, UploadEvent

__version__ = "0.1.0"

__all__ = [
    "AnswerError",
    "AsyncCabinet",
    "Cabinet",
    "CabinetClientError",
    "ConflictError",
    "Event",
    "FileChangedError",
    "IngestionError",
    "IngestionEvent",
    "InvalidRequestError",
    "NoAnswerError",
    "NotAllowedError",
    "NotAuthenticatedError",
    "NotFoundError",
    "QuotaExceededError",
    "RetryEvent",
    "TooManyRequestsError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UploadEvent",
    "WaitTimeoutError",
    "bodies",
    "models",
]
