"""Describes refused settings: the variable, flag or file, the expected value, the given value."""

from __future__ import annotations

import difflib
import os
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from dotenv.parser import Original, parse_stream
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from svc.errors import StartupError
from svc.settings.secret_files import SUFFIX, is_secret

Fields = Mapping[str, FieldInfo]
VariableOf = Callable[[str], str]


# The variables of the commands that work over HTTP, which may be set next to the settings of the service.
CLIENT_VARIABLES = {"CABINET_URL", "CABINET_KEY"}


class SettingFaults:
    """Describes the faults of settings with these fields.

    `variable_of` returns the variable of a field, `file` is the file that can contain settings, and `flags` are the
    names of the settings that were given on the command line.
    """

    def __init__(self, fields: Fields, variable_of: VariableOf, file: Path | None, flags: Collection[str]) -> None:
        self._fields = fields
        self._variable_of = variable_of
        self._file = file
        self._flags = flags
        self.from_files: Collection[str] = ()
        """The settings whose values were read from separate files."""

    def unknown(self, prefix: str) -> list[str]:
        """A sentence for each variable with the prefix that is not a setting, and for each line of the file that seems
        to be a setting but cannot be read.

        Raises:
            StartupError: the file cannot be read.
        """
        known = {self._variable_of(name) for name in self._fields}
        known |= {self._variable_of(name) + SUFFIX for name, field in self._fields.items() if is_secret(field)}
        known |= CLIENT_VARIABLES
        in_file, unreadable = self._read_file(prefix, known)
        places = {**dict.fromkeys(in_file, f" in the file {self._file}"), **dict.fromkeys(os.environ, "")}
        return unreadable + [
            f"{name}{place} is not a setting{_hint(name, prefix, known)}"
            for name, place in sorted(places.items())
            if name.startswith(prefix) and name not in known
        ]

    def sentence(self, fault: Mapping[str, Any]) -> str:
        """The sentence for one of pydantic's faults."""
        if not fault["loc"]:
            return f"Wrong settings: {fault['ctx']['error']}."
        name = str(fault["loc"][0]).lower()
        name = next((field for field in self._fields if name in (field, self._variable_of(field).lower())), name)
        field = self._fields[name]
        ours = fault.get("ctx", {}).get("error")
        message = str(ours) if ours is not None else f"must be {expectation(field)}"
        # A secret never appears in a message, not even a wrong one.
        given = "" if is_secret(field) or "url" in name else f" (got {fault['input']!r})"
        return f"Wrong setting {self._variable_of(name)}{self._source(name)}: {message}{given}."

    def _source(self, name: str) -> str:
        """The source of a setting, unless it is the environment."""
        if name in self._flags:
            return f" (flag --{name.replace('_', '-')})"
        variable = self._variable_of(name)
        if name in self.from_files:
            return f" (file in {variable + SUFFIX})"
        return "" if any(key.upper() == variable and os.environ[key] for key in os.environ) else f" (file {self._file})"

    def _read_file(self, prefix: str, known: set[str]) -> tuple[set[str], list[str]]:
        """The names in the file, in capitals, and a sentence for each unreadable line of a setting.

        The file may also contain variables for other programs, and lines that only they can read.
        """
        if self._file is None or not self._file.is_file():
            return set(), []
        try:
            with self._file.open(encoding="utf-8") as stream:
                bindings = list(parse_stream(stream))
        except UnicodeDecodeError:
            raise StartupError(f"The file {self._file} is not encoded in UTF-8; save it as UTF-8.") from None
        except OSError as error:
            raise StartupError(f"The file {self._file} cannot be read: {error.strerror}.") from error
        unreadable = [
            f"Line {_line(binding.original)} of the file {self._file} cannot be read; write NAME=value, with quotes "
            "around a value that contains spaces."
            for binding in bindings
            if binding.error and binding.original.string.lstrip().upper().startswith((prefix, *known))
        ]
        return {binding.key.upper() for binding in bindings if binding.key is not None}, unreadable


def _line(original: Original) -> int:
    """The line of a binding, without the blank lines before it, which the parser includes."""
    text = original.string
    return int(original.line) + text[: len(text) - len(text.lstrip())].count("\n")


def expectation(field: FieldInfo) -> str:
    """Describe the values that a setting takes, as a phrase: `an integer from 1 to 1000`."""
    kinds = _kinds(field.annotation)
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), None)
    if choices is not None:
        return "one of " + ", ".join(map(repr, choices))
    limits = {type(limit): limit for limit in field.metadata}
    if bool in kinds:
        return "true or false"
    if int in kinds or float in kinds:
        return ("an integer" if int in kinds else "a number") + _range(list(field.metadata))
    least = limits.get(annotated_types.MinLen)
    most = limits.get(annotated_types.MaxLen)
    if SecretStr in kinds or str in kinds:
        sizes = [f"at least {least.min_length}"] if least else []
        sizes += [f"at most {most.max_length}"] if most else []
        return "text" + (f" of {' and '.join(sizes)} characters" if sizes else "")
    return "a path"


def _range(limits: list[Any]) -> str:
    least = next((limit.ge for limit in limits if isinstance(limit, annotated_types.Ge)), None)
    above = next((limit.gt for limit in limits if isinstance(limit, annotated_types.Gt)), None)
    most = next((limit.le for limit in limits if isinstance(limit, annotated_types.Le)), None)
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    parts = [f"of more than {above:,}"] if above is not None else []
    return " " + " and ".join([*parts, *([f"at most {most:,}"] if most is not None else [])])


def _kinds(annotation: Any) -> Iterator[Any] | tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _hint(variable: str, prefix: str, known: set[str]) -> str:
    unprefixed = variable.removeprefix(prefix)
    close = [unprefixed] if unprefixed in known else difflib.get_close_matches(variable, known, n=1)
    return f"; did you mean {close[0]}?" if close else f". The settings are: {', '.join(sorted(known))}"
