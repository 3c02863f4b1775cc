"""`make test` and `make test-slow` share the test files between them."""

from __future__ import annotations

from tests.order import PARTLY_SLOW, SLOW, is_left_out
from tests.sql.checker import ROOT

MARK = "pytest.mark.slow"


def test_each_file_is_run_by_one_of_the_two() -> None:
    files = [path for path in ROOT.glob("tests/**/test_*.py") if path.is_file()]

    assert {path.relative_to(ROOT).as_posix() for path in files} >= SLOW
    for path in files:
        left_out = [is_left_out(path, ROOT, "slow"), is_left_out(path, ROOT, "not slow")]
        is_shared = path.relative_to(ROOT).as_posix().startswith(tuple(PARTLY_SLOW))
        assert sum(left_out) == (0 if is_shared else 1), path
        assert not is_left_out(path, ROOT, ""), path
    marked = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/*/**/*.py") if MARK in path.read_text()}
    assert all(name.startswith(tuple(PARTLY_SLOW)) for name in marked), "no test would run what is marked there"
    assert all(any(name.startswith(shared) for name in marked) for shared in PARTLY_SLOW)
    # Only complete folders are skipped; those with both slow and other files are entered.
    assert is_left_out(ROOT / "tests/bench", ROOT, "not slow")
    assert not is_left_out(ROOT / "tests/sql", ROOT, "not slow")
    assert not is_left_out(ROOT / "tests/bench", ROOT, "slow")
