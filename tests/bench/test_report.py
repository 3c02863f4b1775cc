"""Plots, and the help of a benchmark where matplotlib is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.report import plot_bars, plot_lines

WITHOUT_MATPLOTLIB = """
import runpy, sys
sys.modules["matplotlib"] = None
sys.argv = ["bench.search", "--help"]
runpy.run_module("bench.search", run_name="__main__")
"""


def test_the_help_of_the_search_benchmark_needs_no_matplotlib() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MATPLOTLIB], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--short" in done.stdout


@pytest.mark.parametrize("name", ["plot.svg", "plot.png"])
def test_plots_are_drawn_without_a_screen(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    plot_lines(file, "Title", "rows", "ms", {"exact": [(100, 1.0), (1000, 9.0)]}, bound=10)
    assert file.stat().st_size > 1000
    plot_bars(file, "Title", "ms", {"search": {"exact": 1.0, "index": 2.0}}, log_y=True)
    assert file.stat().st_size > 1000
