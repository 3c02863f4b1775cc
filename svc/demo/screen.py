"""The output of the demo: colours, panels and a moving bar in a terminal, plain lines in a pipe or a file."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from rich import box
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from svc.demo.client import DemoFailedError

_PLAIN_WIDTH = 100
_WORD = re.compile(r"[a-z0-9]{3,}")
# After a sentence, and before a heading, a list item or a row of a table.
_PAUSE = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*[-#*|])")
_SNIPPET_CHARACTERS = 180
_FOUND_CHARACTERS = 500


class Screen:
    """Everything that the demo prints."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            # Without Unicode, a question mark is better than a failure.
            sys.stdout.reconfigure(errors="replace")
        self.console = Console(highlight=False)
        self._is_terminal = self.console.is_terminal
        if not self._is_terminal and "COLUMNS" not in os.environ:
            self.console.width = _PLAIN_WIDTH
        self._steps = 0
        self.checks = 0

    def panel(self, title: str, text: str) -> None:
        """A few highlighted sentences."""
        if self._is_terminal:
            self.console.print(Panel(Text(text), title=Text(title, "bold"), title_align="left", border_style="cyan"))
        else:
            self.console.print(Text(f"{title}\n{text}"))

    def step(self, title: str, text: str) -> None:
        """The next step's heading and subject."""
        self._steps += 1
        heading = Text(f"{self._steps}. {title}", "bold cyan")
        self.console.print()
        self.console.print(Rule(heading, align="left", style="cyan") if self._is_terminal else heading)
        self.console.print(Text(text, "dim"))

    def line(self, text: str, style: str = "", indent: int = 0) -> None:
        """One paragraph."""
        self.console.print(Padding(Text(text, style), (0, 0, 0, indent), expand=False))

    def check(self, claim: str, is_true: bool, found: object = "") -> None:
        """State a claim, if it is true.

        Raises:
            DemoFailedError: it is false; `found` is shown instead.
        """
        if not is_true:
            raise DemoFailedError(f"the demo did not show that {claim}; it found: {str(found)[:_FOUND_CHARACTERS]}")
        self.checks += 1
        mark = "✓" if self.console.encoding.startswith("utf") else "ok:"
        self.console.print(Text(f"{mark} ", "bold green") + Text(claim, ""))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
        """A table. Columns whose name begins with `#` contain numbers, and those with `=` contain texts that are not
        wrapped."""
        table = Table(box=box.SIMPLE_HEAD, title=Text(title, "bold") if title else None, title_justify="left")
        for name in columns:
            justify: JustifyMethod = "right" if name.startswith("#") else "left"
            table.add_column(name.lstrip("#="), justify=justify, no_wrap=name.startswith(("#", "=")))
        for row in rows:
            table.add_row(*(value if isinstance(value, Text) else Text(str(value)) for value in row))
        self.console.print(table)

    def results(self, asker: str, question: str, found: Sequence[dict[str, Any]]) -> None:
        """Show the results of a search: their scores, their places, and the sentences nearest to the question."""
        self.console.print()
        self.console.print(Text(f"{asker} asks: ", "bold") + Text(question, "bold yellow"))
        self.table(
            ["#meaning", "#words", "=document", "what it says"],
            [
                (
                    f"{result['similarity']:.3f}",
                    f"{result['keyword_score']:.1f}",
                    _place(result),
                    Text(snippet(result["content"], question), "italic"),
                )
                for result in found
            ],
        )

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A bar for each task added, moving in a terminal and printed once at the end elsewhere."""
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=36),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("of {task.total} documents"),
        )
        with Progress(*columns, console=self.console) as progress:
            yield progress


def snippet(content: str, question: str) -> str:
    """The sentence of `content` that shares the most words with the question, and the following text, truncated."""
    wanted = set(_WORD.findall(question.lower()))
    sentences = [" ".join(sentence.split()).strip("#*-| ") for sentence in _PAUSE.split(content)]
    best = max(range(len(sentences)), key=lambda index: len(wanted & set(_WORD.findall(sentences[index].lower()))))
    text = sentences[best]
    for sentence in sentences[best + 1 :]:
        if len(text) + len(sentence) >= _SNIPPET_CHARACTERS:
            break
        text += f" {sentence}"
    return text if len(text) <= _SNIPPET_CHARACTERS else text[:_SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _place(result: dict[str, Any]) -> str:
    page = result["metadata"].get("page")
    return f"{result['filename']}, page {page}" if page else str(result["filename"])
