"""The files that an upload means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def files_of(sources: Sequence[str | Path]) -> list[tuple[Path, str]]:
    """The files of `sources`, each with its name: a folder's files by their path below it, without hidden ones.

    Raises:
        FileNotFoundError: a source is neither a file nor a folder.
    """
    files: list[tuple[Path, str]] = []
    for source in map(Path, sources):
        if source.is_dir():
            below = sorted(path for path in source.rglob("*") if path.is_file())
            named = [(path, path.relative_to(source)) for path in below]
            files += [(path, str(name)) for path, name in named if not any(part.startswith(".") for part in name.parts)]
        elif source.is_file():
            files.append((source, source.name))
        else:
            raise FileNotFoundError(f"there is no file or folder {source}")
    return files
