"""The error of a tool that cannot fulfil a request."""

from __future__ import annotations

from svc.errors import CabinetError


class ToolFailedError(CabinetError):
    """A tool cannot fulfil the request; the detail gives the reason and an alternative."""

    title = "No success"
