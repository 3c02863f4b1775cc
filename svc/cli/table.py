"""Tables for the screen, which are not cut in a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from svc.printable import printable

_WIDTH_OF_FILES = 200


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as wide as the terminal; without a terminal, as wide as its contents."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_FILES)
    table = Table(*columns)
    for row in rows:
        # As text, not as markup, in which a name like [b] would disappear.
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
