"""A statement with a kept plan has the same plan for all values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from svc.database.statements import load_statements
from svc.plans.files import RECORDED_ON, plan_path, read_plan_file
from svc.resources import resource_folder

BASELINES = Path(__file__).parent / "baselines"
KEPT = [name for name, statement in load_statements(resource_folder("sql")).items() if statement.is_generic]
_STEP = re.compile(r"(\w+(?: \w+)* Join|Nested Loop)|using (\w+)|(Seq Scan on \w+)")


def steps(plan: str) -> list[str]:
    """The joins and the indexes of a plan, in order. A bitmap scan of an index counts as a scan of it."""
    lines = [line for line in plan.splitlines() if "  (" in line or "using" in line]
    return [next(filter(None, match.groups())) for line in lines for match in _STEP.finditer(line)]


@pytest.mark.parametrize("name", KEPT)
def test_all_plans_of_a_kept_statement_have_the_same_steps(name: str) -> None:
    for version in (RECORDED_ON, 16):
        file = read_plan_file(plan_path(BASELINES, name))
        plans = [steps(case.shape(kind, version) or "") for case in file.cases for kind in ("custom", "generic")]
        assert plans == [plans[0]] * len(plans), f"on {version}"


def test_an_index_and_a_join_are_steps() -> None:
    plan = """
Nested Loop Anti Join  (rows <= 2)
  Bitmap Heap Scan on a  (rows <= 2)
    Bitmap Index Scan using a_pkey
        Index Cond: (id = $1)
  Seq Scan on b  (rows <= 2)
"""
    assert steps(plan) == ["Nested Loop Anti Join", "a_pkey", "Seq Scan on b"]
