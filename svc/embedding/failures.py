"""The failure of one call to an embedding endpoint."""

from __future__ import annotations

from svc.errors import CabinetError


class AttemptFailedError(CabinetError):
    """One call failed; a retry may succeed. `is_unusable`: the answer had well-formed but unusable vectors."""

    def __init__(self, detail: str, *, retry_after_s: float | None = None, is_unusable: bool = False) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.is_unusable = is_unusable
