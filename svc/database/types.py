"""The Python types of the server's types, for the statements of `sql/`.

`svc/database/rows.py` and `svc/database/calls.pyi` are made of them, from the headers, by `make types`.
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
        """No columns but those that a row class names: `row["…"]`, `dict(row)` and `**row` hide a mistake from mypy."""

else:
    from asyncpg import Record as _Record

Json: TypeAlias = Any
"""A value of a jsonb column. What it holds is a matter of the schema's CHECK constraints and of its reader."""

Vector: TypeAlias = HalfVector | NDArray[np.floating[Any]] | Sequence[float]
"""A halfvec parameter. A halfvec column is a `HalfVector`."""


class Row(_Record):
    """A row that a statement returned. Its subclasses name the statement's columns as attributes."""

    __slots__ = ()


def column(name: str) -> Any:
    """A column of a row class: an attribute that costs no more than `row[name]`."""
    return property(itemgetter(name))


def as_dict(row: Row) -> dict[str, Any]:
    """A row as a dictionary, for code that treats all columns alike."""
    columns: Any = row
    return dict(columns)
