"""Hides the secrets of a running server or worker from other processes of the machine."""

from __future__ import annotations

import ctypes
import os

from pydantic import AliasChoices

from svc.ingest.confinement import hide_process
from svc.settings import Settings, environment_name
from svc.settings.secret_files import is_secret

_libc = ctypes.CDLL(None)
_libc.getenv.restype = ctypes.c_void_p


def hide_secrets() -> None:
    """After the settings have been read, protect this process, and remove secret settings from its environment.

    The programs that it starts, PostgreSQL and the parser, then do not inherit them, and `/proc/PID/environ`, which
    shows the memory that the process was started with, does not contain them. A `PGPASSWORD` remains, because the
    database driver reads it for each connection.
    """
    hide_process()
    names = _secret_names()
    for name in [name for name in os.environ if name.upper() in names]:
        if value := _libc.getenv(name.encode()):
            ctypes.memset(value, 0, len(ctypes.string_at(value)))
        del os.environ[name]


def _secret_names() -> set[str]:
    """The environment variables whose settings are secrets, in upper case."""
    names = set()
    for field_name, field in Settings.model_fields.items():
        if is_secret(field):
            names.add(environment_name(field_name).upper())
            if isinstance(field.validation_alias, AliasChoices):
                names.update(str(choice).upper() for choice in field.validation_alias.choices)
    return names
