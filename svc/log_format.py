"""The two forms of a log record: a line of text, and a line of JSON.

No value in a record can begin a line or control a terminal. In text, everything that is not printable is escaped, and
only the first line of an event begins in the first column: the lines of a traceback or a plan are indented.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal

import msgspec

from svc.log_context import LogContext, current_log_context
from svc.printable import escaped_json, printable

LogFormat = Literal["text", "json"]

SEVERAL_LINES: Final = {"several_lines": True}
"""The `extra` of a record whose message has several lines on purpose."""

_INDENT: Final = "    "
_TEXT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_OF_RECORD: Final = ("status", "duration_ms")


class TextFormatter(logging.Formatter):
    """Time, level, logger and message."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Returns the lines of the record, the first of which begins with the time."""
        message = record.getMessage()
        lines = message.split("\n") if getattr(record, "several_lines", False) else [message]
        shown = logging.makeLogRecord({**record.__dict__, "msg": printable(lines[0]), "args": ()})
        shown.message, shown.asctime = shown.msg, self.formatTime(record)
        traces = _traceback(record).splitlines()
        return "\n".join([self.formatMessage(shown), *map(_continued, lines[1:] + traces)])


class JsonFormatter(logging.Formatter):
    """One object in one line. Unknown parts are omitted."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the object."""
        fields: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = current_log_context() or LogContext()
        fields |= {name: value for name, value in vars(context).items() if value is not None}
        fields |= {name: record.__dict__[name] for name in _OF_RECORD if name in record.__dict__}
        if trace := _traceback(record):
            fields["exception"] = trace
        return escaped_json(msgspec.json.encode(_encodable(fields)).decode())


def configure_log(level: str, form: LogFormat = "text") -> None:
    """Log to standard error: Cabinet from `level` on, libraries only warnings and errors, all in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("svc").setLevel(level.upper())
    # Python's warnings, and an exception that ends the process, are also records.
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("svc").critical("cabinet ended because of a bug", exc_info=(kind, error, trace))


def _traceback(record: logging.LogRecord) -> str:
    formatter = logging.Formatter()
    trace = formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
    stack = formatter.formatStack(record.stack_info) if record.stack_info else ""
    return "\n".join(filter(None, (trace, stack)))


def _continued(line: str) -> str:
    shown = printable(line)
    return shown if shown.startswith(_INDENT) else _INDENT + shown


def _encodable(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with lone surrogates escaped, which UTF-8 cannot encode."""
    return {
        name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for name, value in fields.items()
    }
