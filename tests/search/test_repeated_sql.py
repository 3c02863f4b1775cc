"""The parts that the statements of hybrid searches repeat are the same in each of them (see sql/README.md)."""

from __future__ import annotations

import re

import pytest

from svc.database.statements import read_statement
from svc.resources import resource_folder

LANES = ("hybrid_bits", "hybrid_bits_all", "hybrid_exact", "hybrid_exact_all", "hybrid_index")
# The exact lane with filters also knows the other metrics.
BY_COSINE = tuple(lane for lane in LANES if lane != "hybrid_exact")


def part(lane: str, name: str) -> str:
    """One part of a statement's WITH clause, with the names of the parameters instead of their numbers."""
    path = resource_folder("sql") / "search" / f"{lane}.sql"
    names = [parameter.name for parameter in read_statement(path, path.parents[1]).parameters]
    found = re.search(rf"^{name} as (?:materialized )?\(\n.*?^\)", path.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return re.sub(r"\$(\d+)", lambda number: f"${names[int(number[1]) - 1]}", found[0])


@pytest.mark.parametrize(
    ("name", "lanes"), [("extremes", LANES), ("fused", LANES), ("candidates", BY_COSINE), ("scored", BY_COSINE)]
)
def test_the_lanes_of_a_hybrid_search_fuse_their_results_in_the_same_way(name: str, lanes: tuple[str, ...]) -> None:
    first, *others = (part(lane, name) for lane in lanes)
    assert "$" in first or name in ("extremes", "scored")
    assert others == [first] * len(others)
