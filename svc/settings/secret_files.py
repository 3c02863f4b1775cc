"""Secrets in files that container platforms mount: `DATABASE_URL_FILE` names a file that contains `DATABASE_URL`.

A file is safer than a variable: other processes cannot see it, and child processes do not inherit it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from pydantic.fields import FieldInfo

SUFFIX = "_FILE"

_MOST_BYTES = 65_536


@dataclass
class FileSecrets:
    """The secrets that were read, by field, and a sentence for each one that could not be read."""

    values: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def is_secret(setting: FieldInfo) -> bool:
    """Whether a setting is a secret."""
    return "SecretStr" in str(setting.annotation)


def read_file_secrets(
    fields: Mapping[str, FieldInfo], variable_of: Callable[[str], str], file: Path | None, flags: Collection[str]
) -> FileSecrets:
    """Read the secrets whose files the environment or `file` names. `flags` are the settings given as flags."""
    given = _variables(file)
    secrets = FileSecrets()
    for name in (name for name, setting in fields.items() if is_secret(setting)):
        variable = variable_of(name)
        path = given.get(variable + SUFFIX)
        if path is None:
            continue
        if variable in given or name in flags:
            other = f"--{name.replace('_', '-')}" if name in flags else variable
            secrets.faults.append(f"{variable + SUFFIX} and {other} are both set; remove one of them.")
            continue
        try:
            secrets.values[name] = _read(Path(path))
        except ValueError as error:
            secrets.faults.append(f"{variable + SUFFIX}: the file {path} {error}.")
    return secrets


def _variables(file: Path | None) -> dict[str, str]:
    """The variables that are not empty, by their name in capitals; the environment takes precedence over the file."""
    in_file = dotenv_values(file, encoding="utf-8") if file is not None and file.is_file() else {}
    both = [*in_file.items(), *os.environ.items()]
    return {name.upper(): value for name, value in both if value}


def _read(path: Path) -> str:
    """The content of a file without its last newline.

    Raises:
        ValueError: it cannot be used; the message completes the sentence "The file …".
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    if len(content) > _MOST_BYTES:
        raise ValueError(f"is longer than {_MOST_BYTES:,} bytes, so it is not a secret")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is not encoded in UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ValueError("is empty")
    return text
