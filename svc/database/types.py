"""The Python types for the server's types in the statements of `sql/`.

`make types` generates `svc/database/rows.py` and `svc/database/calls.pyi` from the headers with these types.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

if TYPE_CHECKING:

    class _Record:
        """Has only the attributes of the row class: mypy cannot check `row["…"]`, `dict(row)` and `**row`."""

else:
    from asyncpg import Record as _Record

Json: TypeAlias = Any
"""A value of a jsonb column. CHECK constraints and the code that reads it define its structure."""

Vector: TypeAlias = HalfVector | NDArray[np.floating[Any]] | Sequence[float]
"""A halfvec parameter. A halfvec column is a `HalfVector`."""


class Row(_Record):
    """A row that a statement returned. Subclasses have the statement's columns as attributes."""

    __slots__ = ()


def column(name: str) -> Any:
    """Returns a column of a row class: an attribute that is as fast as `row[name]`."""
    return property(itemgetter(name))


def as_dict(row: Row) -> dict[str, Any]:
    """Returns a row as a dictionary, for code that treats all columns alike."""
    columns: Any = row
    return dict(columns)
