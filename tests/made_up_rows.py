"""Rows without a database, for tests of functions that read rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TypeVar, cast

from svc.database.types import Row

R = TypeVar("R", bound=Row)


def row_of(kind: type[R], **columns: object) -> R:
    """A row with some columns of its class, as attributes."""
    unknown = [name for name in columns if not isinstance(getattr(kind, name, None), property)]
    assert not unknown, f"{kind.__name__} has no {', '.join(unknown)}"
    return cast(R, SimpleNamespace(**columns))
