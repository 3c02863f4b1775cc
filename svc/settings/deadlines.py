"""The settings of the times after which a request, and the process itself, must have ended."""

from __future__ import annotations

from pydantic import Field

from svc.settings.group import Group


class DeadlineSettings(Group):
    """The deadlines of a process."""

    request_database_s: float = Field(
        15.0,
        ge=0.1,
        le=3600,
        description="Maximum seconds for which a request waits for the database, in all its statements; then it is "
        "answered 503.",
    )
    stop_grace_s: float = Field(
        15.0,
        ge=1,
        le=600,
        description="Seconds from SIGTERM or Ctrl-C to the end of the process: for current requests, to return "
        "documents to the queue, and to stop the embedded server. Then it is ended by force.",
    )
