"""The request or document of the current task, for its log records."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID


@dataclass
class LogContext:
    """Fields shared by the records of one request or one job. An unknown part is None."""

    request_id: str | None = None
    method: str | None = None
    path: str | None = None
    user_id: UUID | None = None
    document_id: UUID | str | None = None


_context: ContextVar[LogContext | None] = ContextVar("log_context", default=None)


def begin_log_context(context: LogContext) -> None:
    """Start the context of this task, and of the tasks that it starts."""
    _context.set(context)


def note_in_log(*, user_id: UUID | None, document_id: UUID | str | None = None) -> None:
    """Add fields to the context of this task, if it has one."""
    context = _context.get()
    if context is not None:
        context.user_id, context.document_id = user_id, document_id


def end_log_context() -> None:
    """End the context of this task: its next records do not belong to a request or document."""
    _context.set(None)


def current_log_context() -> LogContext | None:
    """The context of the current task."""
    return _context.get()
