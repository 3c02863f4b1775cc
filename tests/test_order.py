"""`make test` and `make test-slow` share the test files between them."""

from __future__ import annotations

from tests.order import SLOW, is_left_out
from tests.sql.checker import ROOT


def test_each_file_is_run_by_one_of_the_two() -> None:
    files = [path for path in ROOT.glob("tests/**/test_*.py") if path.is_file()]

    assert {path.relative_to(ROOT).as_posix() for path in files} >= SLOW
    for path in files:
        assert is_left_out(path, ROOT, "slow") is not is_left_out(path, ROOT, "not slow"), path
        assert not is_left_out(path, ROOT, ""), path
    # Only complete folders are skipped; those with both slow and other files are entered.
    assert is_left_out(ROOT / "tests/bench", ROOT, "not slow")
    assert not is_left_out(ROOT / "tests/sql", ROOT, "not slow")
    assert not is_left_out(ROOT / "tests/bench", ROOT, "slow")
