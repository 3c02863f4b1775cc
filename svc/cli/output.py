"""The output of commands. Text from a database, a file or another server cannot control the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
import msgspec

from cabinet_client.models import Answer
from svc.printable import escaped_json, printable

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(each: str | None = None) -> Callable[[Command], Command]:
    """Give a command `--json`, which it receives as `as_json`. `each` is the name of a printed row."""
    shown = "Print JSON." if each is None else f"Print one JSON object for each {each}."
    return click.option("--json", "as_json", is_flag=True, help=shown)


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


def echo_json_rows(rows: Iterable[Any]) -> None:
    """Print each row, of a statement or of an answer, as a line of JSON."""
    for row in rows:
        click.echo(escaped_json(msgspec.json.encode(plain_row(row)).decode()))


def plain_row(row: Any) -> Any:
    """Return a row in types that JSON can represent."""
    return row if isinstance(row, Answer | dict) else dict(row)
