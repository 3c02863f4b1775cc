"""Interprets an endpoint's answer as vectors or as one of the kinds of failures that `openai` describes."""

from __future__ import annotations

import base64
import logging
import math
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec
import numpy as np
import openai
from numpy.typing import NDArray

from svc.embedding.failures import AttemptFailedError
from svc.errors import EmbeddingRefusedError
from svc.fields.json_faults import json_fault
from svc.fields.validation import fault_without_value
from svc.printable import shortened
from svc.vectors.formats import check_vectors

logger = logging.getLogger(__name__)

MAX_STATED_RETRY_AFTER_S: Final = 86_400.0
"""The maximum Retry-After, a day. Longer ones, such as a date in another century, are reduced to it."""

MAX_MESSAGE_CHARACTERS: Final = 300
TRANSIENT_STATUSES: Final = frozenset({408, 409, 425, 429})


class ReplyReader:
    """Reads the endpoint's answers. The endpoint's messages go to the log, not into errors, which tenants see."""

    def __init__(self, *, model: str, dimensions: int, key: str | None) -> None:
        self._model = model
        self._dimensions = dimensions
        self._key = key

    def connection_failure(self, error: openai.APIConnectionError) -> AttemptFailedError:
        """Returns the failure for a call without an answer, and logs the reason."""
        self._log("the connection to the embedding endpoint failed: %s", repr(error.__cause__ or error))
        return AttemptFailedError("the connection to the embedding endpoint failed")

    def status_failure(self, error: openai.APIStatusError, count: int) -> AttemptFailedError | EmbeddingRefusedError:
        """Returns the failure, temporary or permanent, for an error status in answer to `count` texts."""
        status = error.status_code
        detail = f"the embedding endpoint answered {status}"
        self._log(f"{detail}: %s", _endpoint_message(error.body))
        if status in TRANSIENT_STATUSES or status >= 500:
            return AttemptFailedError(detail, retry_after_s=_retry_after_s(error.response.headers))
        hints = {
            401: "check OPENAI_API_KEY",
            403: "check OPENAI_API_KEY",
            404: f"check OPENAI_BASE_URL and CABINET_EMBEDDING_MODEL ({self._model})",
            413: f"it was sent {count} texts; lower CABINET_EMBEDDING_BATCH_SIZE",
        }
        if 300 <= status < 400:
            hint = "a redirect, which is not followed; OPENAI_BASE_URL must be the address that answers"
        else:
            hint = hints.get(status, "the log of the service has its message")
        return EmbeddingRefusedError(f"{detail} ({hint})")

    def vectors(self, body: bytes, count: int, first: int) -> NDArray[np.float32]:
        """Decode and check the answer to a call with `count` texts.

        Raises:
            AttemptFailedError: the answer is not an embedding reply, or its vectors are unusable.
        """
        try:
            rows = _rows_in_order(_reply_decoder.decode(body).data, count)
        except (ValueError, RecursionError) as error:  # ValueError: also msgspec's errors and UnicodeDecodeError
            self._log("the embedding endpoint's answer begins %s", body[: 4 * MAX_MESSAGE_CHARACTERS].decode("latin-1"))
            raise AttemptFailedError(
                f"the embedding endpoint's answer cannot be read: {_why_unreadable(error, body)}"
            ) from error
        try:
            return check_vectors(rows, count=count, dimensions=self._dimensions, first=first)
        except EmbeddingRefusedError as error:
            raise AttemptFailedError(error.detail, is_unusable=True) from error

    def _log(self, message: str, words: str) -> None:
        """Log the endpoint's message on one line, shortened, without the key, which some endpoints repeat."""
        if words:
            logger.warning(
                message, shortened(words.replace(self._key, "[key]") if self._key else words, MAX_MESSAGE_CHARACTERS)
            )


class _Embedding(msgspec.Struct):
    index: int
    embedding: str | list[float]  # base64; numbers from servers that ignore `encoding_format`


class _Reply(msgspec.Struct):
    # Decoded one at a time, because a thread that decodes holds the interpreter, and with it the event loop.
    data: list[msgspec.Raw]


class _UnreadableError(ValueError):
    """The reply is JSON, but not an embedding reply. The message comes from this module."""


_reply_decoder = msgspec.json.Decoder(_Reply)
_embedding_decoder = msgspec.json.Decoder(_Embedding)


def _rows_in_order(items: Sequence[msgspec.Raw], count: int) -> list[NDArray[np.float32]]:
    """Returns the reply's vectors in the order of the texts.

    Raises:
        ValueError: an index is missing, duplicated or out of range, or a vector is neither base64 nor numbers.
        RecursionError: the JSON is nested too deeply.
    """
    if len(items) != count:
        raise _UnreadableError(f"{len(items)} vectors for {count} texts")
    rows: dict[int, NDArray[np.float32]] = {}
    for number, raw in enumerate(items):
        try:
            item = _embedding_decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise _UnreadableError(f"data[{number}]: {fault_without_value(error, _Embedding).detail}") from error
        if not 0 <= item.index < count:
            raise _UnreadableError(f"index {item.index} for one of {count} texts")
        if item.index in rows:
            raise _UnreadableError(f"index {item.index} twice")
        rows[item.index] = _vector(item.embedding)
    return [rows[index] for index in range(count)]


def _vector(embedding: str | list[float]) -> NDArray[np.float32]:
    if isinstance(embedding, str):
        try:
            # Little-endian on every machine. https://platform.openai.com/docs/api-reference/embeddings/create
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
        except ValueError:  # not base64, or not a multiple of four bytes
            raise _UnreadableError("an embedding is not a base64 text of numbers of four bytes") from None
    # A number out of the range of single precision becomes infinite, which is refused later.
    with np.errstate(over="ignore"):
        return np.asarray(embedding, dtype=np.float32)


def _why_unreadable(error: Exception, body: bytes) -> str:
    if isinstance(error, _UnreadableError):
        return str(error)
    if isinstance(error, msgspec.ValidationError):
        return fault_without_value(error, _Reply).detail
    return f"it is not JSON: {json_fault(error, body)}"


def _endpoint_message(body: object) -> str:
    """The message in an error's body: `message` at OpenAI and vLLM, `detail` at many others, else the whole body."""
    if isinstance(body, Mapping):
        for name in ("message", "detail"):
            if isinstance(body.get(name), str):
                return str(body[name])
    text = "" if body is None else str(body)
    return "an HTML page" if text.lstrip().startswith("<") else text


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds that the headers ask to wait, or None if they contain no valid value.

    Retry-After contains seconds or a date (RFC 9110, section 10.2.3), OpenAI's retry-after-ms milliseconds.
    """
    for name, units_per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / units_per_second
        except (KeyError, ValueError):
            continue
        return min(max(seconds, 0.0), MAX_STATED_RETRY_AFTER_S) if not math.isnan(seconds) else None
    try:
        seconds = parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
    except (KeyError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_STATED_RETRY_AFTER_S)
