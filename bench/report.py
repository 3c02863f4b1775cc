"""The output of a benchmark: a table on the screen, a CSV file, a plot, and the plans of the timed statements."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEFAULT_FOLDER = Path("bench/results")
# A vector in a plan has thousands of characters, which nobody reads.
_VECTOR = re.compile(r"'[\[\d][\d\-+.,e\]]{60,}'")
console = Console()
if not console.is_terminal:
    # A log has no maximum width for a table.
    console.width = 160


class Report:
    """Collects rows with named columns and writes them as a table and a CSV file."""

    def __init__(self, name: str, folder: Path, columns: Sequence[str], machine: str) -> None:
        self.name = name
        self.folder = folder
        self.columns = list(columns)
        self.machine = machine
        self.rows: list[list[object]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, *values: object) -> None:
        """Add a row with one value for each column, or None."""
        assert len(values) == len(self.columns), (values, self.columns)
        self.rows.append(list(values))

    def write(self, title: str) -> None:
        """Print the table, and write it to `<name>.csv`, whose first line is a comment that names the machine."""
        table = Table(*self.columns, title=title, title_justify="left", caption=self.machine, caption_justify="left")
        for row in self.rows:
            table.add_row(*(_cell(value) for value in row))
        console.print(table)
        with (self.folder / f"{self.name}.csv").open("w", newline="") as file:
            file.write(f"# {title}; {self.machine}\n")
            writer = csv.writer(file)
            writer.writerow(self.columns)
            writer.writerows([_cell(value) for value in row] for row in self.rows)
        console.print(f"[dim]written to {self.folder}/{self.name}.*[/dim]")

    def write_plan(self, what: str, plan: str) -> None:
        """Write an EXPLAIN to `<name>.<what>.plan.txt`, with abbreviated vectors."""
        (self.folder / f"{self.name}.{what}.plan.txt").write_text(_VECTOR.sub("'[…]'", plan) + "\n")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def plot_lines(
    file: Path,
    title: str,
    x_label: str,
    y_label: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    bound: float | None = None,
    log_y: bool = True,
) -> None:
    """Draw named lines of (x, y) over a logarithmic x to an SVG or PNG; `bound` is the upper limit."""
    figure, axes = _plot()
    markers = "osD^vPX*<>ph"
    for number, (name, points) in enumerate(lines.items()):
        ordered = sorted(points)
        axes.plot(
            [x for x, _ in ordered], [y for _, y in ordered], marker=markers[number % len(markers)],
            markersize=5, linewidth=2.4 if number == 0 else 1.4, label=name,
        )  # fmt: skip
    if bound is not None:
        axes.axhline(bound, color="grey", linestyle=":", linewidth=1, label=f"{bound:g}")
    axes.set(xscale="log", yscale="log" if log_y else "linear", xlabel=x_label, ylabel=y_label)
    axes.set_title(title, loc="left")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8, loc="best")
    _save(figure, file)


def plot_bars(file: Path, title: str, y_label: str, groups: Mapping[str, Mapping[str, float]], *, log_y: bool) -> None:
    """Draw groups of bars, group -> series -> value, each bar with its value."""
    figure, axes = _plot()
    series = list(dict.fromkeys(name for values in groups.values() for name in values))
    width = 0.8 / len(series)
    for number, name in enumerate(series):
        places = [place + width * (number - (len(series) - 1) / 2) for place in range(len(groups))]
        heights = [values.get(name, float("nan")) for values in groups.values()]
        bars = axes.bar(places, heights, width, label=name)
        axes.bar_label(bars, labels=[_cell(height) if height == height else "" for height in heights], fontsize=7)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.set(yscale="log" if log_y else "linear", ylabel=y_label)
    axes.set_title(title, loc="left")
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.legend(fontsize=8)
    _save(figure, file)


def _plot() -> tuple[Figure, Axes]:
    """An empty plot. It imports matplotlib, which a benchmark's help and tables do not need."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 5.2), layout="constrained")
    return figure, figure.add_subplot()


def _save(figure: Figure, file: Path) -> None:
    # A Figure created directly needs no screen: each format has its own canvas.
    figure.savefig(file, dpi=110, metadata={"Date": None} if file.suffix == ".svg" else None)
