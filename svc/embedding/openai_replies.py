"""Interprets an endpoint's answer as vectors or as one of the kinds of failures that `openai` describes."""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec
import numpy as np
import openai
from numpy.typing import NDArray

from svc.errors import CabinetError, EmbeddingRefusedError
from svc.fields.validation import fault_without_value, json_fault
from svc.vectors.formats import check_vectors

MAX_STATED_RETRY_AFTER_S: Final = 86_400.0
"""The maximum Retry-After, a day. Longer ones, such as a date in another century, are reduced to it."""

MAX_MESSAGE_CHARACTERS: Final = 300
TRANSIENT_STATUSES: Final = frozenset({408, 409, 425, 429})


class AttemptFailedError(CabinetError):
    """One call failed; a retry may succeed. `is_unusable`: the answer had well-formed but unusable vectors."""

    def __init__(self, detail: str, *, retry_after_s: float | None = None, is_unusable: bool = False) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.is_unusable = is_unusable


class ReplyReader:
    """Reads the endpoint's answers. The key is removed from every message that is passed on."""

    def __init__(self, *, model: str, dimensions: int, key: str | None) -> None:
        self._model = model
        self._dimensions = dimensions
        self._key = key

    def connection_failure(self, error: openai.APIConnectionError) -> AttemptFailedError:
        """Returns the failure for a call without an answer, with the reason."""
        reason = self._shorten(str(error.__cause__ or error)) or type(error.__cause__).__name__
        return AttemptFailedError(f"the connection to the embedding endpoint failed: {reason}")

    def status_failure(self, error: openai.APIStatusError, count: int) -> AttemptFailedError | EmbeddingRefusedError:
        """Returns the failure, temporary or permanent, for an error status in answer to `count` texts."""
        status = error.status_code
        message = self._shorten(_endpoint_message(error.body))
        detail = f"the embedding endpoint answered {status}" + (f": {message}" if message else "")
        if status in TRANSIENT_STATUSES or status >= 500:
            return AttemptFailedError(detail, retry_after_s=_retry_after_s(error.response.headers))
        hints = {
            401: "check OPENAI_API_KEY",
            403: "check OPENAI_API_KEY",
            404: f"check OPENAI_BASE_URL and CABINET_EMBEDDING_MODEL ({self._model})",
            413: f"it was sent {count} texts; lower CABINET_EMBEDDING_BATCH_SIZE",
        }
        return EmbeddingRefusedError(f"{detail} ({hints[status]})" if status in hints else detail)

    def vectors(self, body: bytes, count: int, first: int) -> NDArray[np.float32]:
        """Decode and check the answer to a call with `count` texts.

        Raises:
            AttemptFailedError: the answer is no embedding reply, or its vectors are unusable.
        """
        try:
            rows = _rows_in_order(_reply_decoder.decode(body), count)
        except ValueError as error:  # the base class of msgspec's and binascii's errors and of UnicodeDecodeError
            reason = _why_unreadable(error, body)
            start = self._shorten(body[: 4 * MAX_MESSAGE_CHARACTERS].decode(errors="replace"))[:80]
            raise AttemptFailedError(
                f"the embedding endpoint's answer cannot be read: {reason} (it begins {start!r})"
            ) from error
        try:
            return check_vectors(rows, count=count, dimensions=self._dimensions, first=first)
        except EmbeddingRefusedError as error:
            raise AttemptFailedError(error.detail, is_unusable=True) from error

    def _shorten(self, message: str) -> str:
        """Returns the endpoint's message on one line, shortened, without the key, which some endpoints repeat."""
        if self._key:
            message = message.replace(self._key, "[key]")
        message = " ".join(message.split())
        return message[:MAX_MESSAGE_CHARACTERS] + "…" * (len(message) > MAX_MESSAGE_CHARACTERS)


class _Embedding(msgspec.Struct):
    index: int
    embedding: str | list[float]  # base64; numbers from servers that ignore `encoding_format`


class _Reply(msgspec.Struct):
    data: list[_Embedding]


_reply_decoder = msgspec.json.Decoder(_Reply)


def _rows_in_order(reply: _Reply, count: int) -> list[NDArray[np.float32]]:
    """Returns the reply's vectors in the order of the texts.

    Raises:
        ValueError: an index is missing, duplicated or out of range, or a vector is neither base64 nor numbers.
    """
    if len(reply.data) != count:
        raise ValueError(f"{len(reply.data)} vectors for {count} texts")
    rows: dict[int, NDArray[np.float32]] = {}
    for item in reply.data:
        if not 0 <= item.index < count:
            raise ValueError(f"index {item.index} for one of {count} texts")
        if item.index in rows:
            raise ValueError(f"index {item.index} twice")
        rows[item.index] = _vector(item.embedding)
    return [rows[index] for index in range(count)]


def _vector(embedding: str | list[float]) -> NDArray[np.float32]:
    if isinstance(embedding, str):
        # Little-endian on every machine. https://platform.openai.com/docs/api-reference/embeddings/create
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    # A number out of the range of single precision becomes infinite, which is refused later.
    with np.errstate(over="ignore"):
        return np.asarray(embedding, dtype=np.float32)


def _why_unreadable(error: ValueError, body: bytes) -> str:
    if isinstance(error, msgspec.ValidationError):
        return fault_without_value(error, _Reply).detail
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return f"it is not JSON: {json_fault(error, body)}"
    if isinstance(error, binascii.Error):
        return "an embedding is not encoded in base64"
    return str(error)


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
