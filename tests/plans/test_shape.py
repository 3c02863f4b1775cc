"""Compares two plan shapes: differences, and rows within the recorded bounds."""

from __future__ import annotations

import pytest

from svc.plans.shape import difference
from svc.plans.tree import shortened

RECORDED = """
Limit  (rows <= 10)
  Nested Loop  (rows <= 10)
    Index Only Scan using a_idx on a  (rows <= 10, heap fetches <= 0)
        Index Cond: (user_id = $1)
    Index Scan using b_hnsw_… on b  (rows <= 1, loops <= 10)
    Index Scan using c_pkey on c  (never run)
"""
SAME = [
    ("rows <= 10)\n  Nested", "rows <= 4)\n  Nested"),
    ("loops <= 10", "loops <= 3"),
    ("(rows <= 1, loops <= 10)", "(rows <= 1)"),
    ("loops <= 10", "loops <= 15"),
]
OTHER = [
    ("rows <= 10)\n  Nested", "rows <= 11)\n  Nested"),
    ("heap fetches <= 0", "heap fetches <= 1"),
    ("a_idx", "a_pkey"),
    ("user_id = $1", "user_id > $1"),
    ("Nested Loop", "Hash Join"),
    ("(never run)", "(rows <= 0)"),
    ("Limit  (rows <= 10)", "Limit  (rows <= 10, skipped <= 5)"),
    ("        Index Cond: (user_id = $1)\n", ""),
    ("loops <= 10", "loops <= 16"),
]


@pytest.mark.parametrize(("good", "now"), SAME)
def test_fewer_rows_and_loops_are_no_difference(good: str, now: str) -> None:
    """For an approximate index, up to 50 % more rows are not a difference, since its levels are random."""
    assert good in RECORDED
    assert difference(RECORDED, RECORDED.replace(good, now, 1)) == ""


@pytest.mark.parametrize(("good", "bad"), OTHER)
def test_any_other_change_is_a_difference_and_is_shown_in_place(good: str, bad: str) -> None:
    assert good in RECORDED
    lines = difference(RECORDED, RECORDED.replace(good, bad, 1)).splitlines()

    changed = [line for line in lines if line[0] in "+-"]
    assert changed[:2] == ["--- recorded", "+++ now"]
    assert 1 <= len(changed[2:]) <= 2, "only this line differs"
    assert len([line for line in lines if line[0] == " "]) >= 5, "the rest of the plan surrounds it"


def test_a_vector_in_an_expression_is_cut_and_an_id_is_not() -> None:
    vector, user_id = f"[{','.join(['0.25'] * 256)}]", "01900000-0000-7000-8000-000000000001"

    told = shortened(f"((embedding <=> '{vector}'::halfvec) < '{user_id}'::uuid)")

    assert told == f"((embedding <=> '[0.25,0.25,0…'::halfvec) < '{user_id}'::uuid)"
