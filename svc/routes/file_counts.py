"""The number of files of a collection or batch in each state."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class FileCounts(Struct, frozen=True):
    """The number of files in each state. If `is_exact` is false there are more: not all of them were counted."""

    processing: int
    ready: int
    error: int
    cancelled: int
    total: int
    is_exact: bool


class _Counted(Protocol):
    @property
    def processing_count(self) -> int: ...
    @property
    def ready_count(self) -> int: ...
    @property
    def error_count(self) -> int: ...
    @property
    def cancelled_count(self) -> int: ...
    @property
    def is_counted(self) -> bool: ...


def counts_of(row: _Counted) -> FileCounts:
    """The counts of a collection or batch."""
    counts = row.processing_count, row.ready_count, row.error_count, row.cancelled_count
    return FileCounts(*counts, total=sum(counts), is_exact=row.is_counted)
