"""The error of a tool that cannot do what it was asked."""

from __future__ import annotations

from svc.errors import CabinetError


class ToolFailedError(CabinetError):
    """A tool cannot do what it was asked; the detail says why, and what to do instead."""

    title = "No success"
