"""The findings of a check that reads a sample of tenants."""

from __future__ import annotations

from svc.doctor.checks import Finding
from svc.doctor.samples import MAX_ROWS, verdict


def _note_or_fault(row: int) -> Finding:
    return Finding("fault" if row == 6 else "note", f"row {row}", "why")


def test_the_rows_that_are_not_named_are_counted_with_their_worst_severity() -> None:
    seen = verdict("7 tenants checked", range(7), "tenants", _note_or_fault)

    assert [(each.severity, each.problem) for each in seen.findings] == [
        *(("note", f"row {row}") for row in range(5)),
        ("fault", "and 2 other tenants"),
    ]


def test_few_rows_are_all_named_and_the_count_of_very_many_is_a_least() -> None:
    assert len(verdict("5 tenants checked", range(5), "tenants", _note_or_fault).findings) == 5
    many = verdict("", range(MAX_ROWS), "tenants", _note_or_fault).findings[-1]
    assert many.problem == f"and {MAX_ROWS - 5:,} or more other tenants"
