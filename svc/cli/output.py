"""Everything that commands print. Text from a database, a file or another server cannot control the terminal."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from svc.printable import escaped_json, printable


def echo(line: str = "", *, bold: bool = False, err: bool = False) -> None:
    """Print one line, with control characters escaped."""
    shown = printable(line)
    click.echo(click.style(shown, bold=True) if bold else shown, err=err)


def echo_lines(text: str) -> None:
    """Print a text of several lines, with control characters escaped except newlines."""
    for line in text.splitlines():
        echo(line)


def echo_json(value: Any) -> None:
    """Print a value as JSON. JSON escapes most control characters; this escapes the rest."""
    encoded = value if isinstance(value, bytes) else msgspec.json.encode(value)
    text = msgspec.json.format(encoded, indent=2).decode()
    click.echo(escaped_json(text))
