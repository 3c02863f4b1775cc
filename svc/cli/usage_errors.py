"""Messages for errors of a command line: the wrong word, its allowed values, and the solution."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from svc.printable import printable

# A full disk, a quota, or a file at its maximum size.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Commands(click.Group):
    """The group of all commands; `sentence` words its usage errors."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the options of the group itself."""
        with _reworded():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the named command."""
        with _reworded(), _whole_output():
            return super().invoke(ctx)


@contextmanager
def _whole_output() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        click.echo(f"cabinet: nothing more can be written: {os.strerror(error.errno)}", err=True)
        # Flushing the buffered output at exit would also fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


@contextmanager
def _reworded() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if type(error) is click.UsageError and not error.message.startswith("Got unexpected"):
            raise
        raise click.UsageError(printable(sentence(error)), error.ctx) from None


def sentence(error: click.UsageError) -> str:
    """Describe the error, by the type of click's exception."""
    match error:
        case click.MissingParameter(param=click.Parameter() as parameter):
            said = f"{name_of(parameter)} is required: {expectation(parameter.type)}."
        case click.NoSuchOption():
            said = f"There is no option {error.option_name}{_closest(error.possibilities)}"
        case click.NoSuchCommand():
            said = f"There is no command {error.command_name}{_closest(error.possibilities)}"
        case click.BadOptionUsage():
            takes = "takes no value" if "not take a value" in error.message else "needs a value after it"
            said = f"The option {error.option_name} {takes}."
        case click.BadParameter(param=click.Parameter() as parameter) if error.param_hint is None:
            said = f"{name_of(parameter)} must be {expectation(parameter.type)}."
        case click.BadParameter():
            said = f"{error.param_hint}: {error.message}."
        case _:
            words = error.message.partition("(")[2].rstrip(")")
            said = f"The command does not take these words: {words}."
    return said


def name_of(parameter: click.Parameter) -> str:
    """The option, or the argument as in the usage line."""
    return parameter.opts[0] if isinstance(parameter, click.Option) else str(parameter.human_readable_name)


def expectation(kind: click.ParamType[Any]) -> str:
    """Describe the allowed values of this type in a phrase."""
    match kind:
        case click.Choice():
            phrase = f"one of {', '.join(str(choice) for choice in kind.choices)}"
        case click.IntRange(min=least, max=None):
            phrase = f"an integer of at least {least}"
        case click.IntRange(min=least, max=most):
            phrase = f"an integer from {least} to {most}"
        case click.DateTime():
            phrase = f"a date, such as {'2027-01-31T12:00:00' if len(kind.formats) > 1 else '2027-01-31'}"
        case click.File():
            phrase = "a file that can be read, or - for standard input"
        case _:
            phrase = _PHRASES.get(kind.name, kind.name)
    return phrase


_PHRASES = {
    "user": "the id, the email address or the external id of a user",
    "uuid": "a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057",
    "integer": "an integer",
    "text": "text",
    "path": "a file to write to",
    "directory": "a folder",
}


def _closest(possibilities: list[str] | None) -> str:
    return f"; did you mean {possibilities[0]}?" if possibilities else "."
