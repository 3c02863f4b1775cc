"""The messages of a command's errors. This module loads little, since every command over HTTP needs it."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from svc.errors import CabinetError
from svc.printable import printable


def fail(error: CabinetError, code: int = 2) -> NoReturn:
    """End the command with the error's message and an exit code."""
    prefix = click.style("cabinet: ", fg="red", bold=True, reset=False)
    for line in error.detail.splitlines():
        click.echo(prefix + click.style(printable(line), reset=True), err=True)
    sys.exit(code)
