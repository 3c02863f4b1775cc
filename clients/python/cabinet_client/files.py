"""The files of an upload."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def files_of(sources: Sequence[str | Path]) -> list[tuple[Path, str]]:
    """The files of `sources` with their names; files of a folder are named by their path below it.

    Hidden files of a folder, links to them, and links out of the folder are skipped, so that people who can write to
    the folder cannot select other files of this machine.

    Raises:
        FileNotFoundError: a source is neither a file nor a folder.
    """
    files: list[tuple[Path, str]] = []
    for source in map(Path, sources):
        if source.is_dir():
            files += [(path, name) for path, name in _below(source) if not _leads_out(path, source)]
        elif source.is_file():
            files.append((source, source.name))
        else:
            raise FileNotFoundError(f"there is no file or folder {source}")
    return files


def links_out_of(sources: Sequence[str | Path]) -> list[str]:
    """The names of the links in the folders of `sources` that `files_of` skips."""
    folders = [source for source in map(Path, sources) if source.is_dir()]
    return [name for folder in folders for path, name in _below(folder) if _leads_out(path, folder)]


def _below(folder: Path) -> list[tuple[Path, str]]:
    """The files of a folder whose names are not hidden."""
    named = [(path, path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path, str(name)) for path, name in named if not _is_hidden(name)]


def _leads_out(path: Path, folder: Path) -> bool:
    target, whole = path.resolve(), folder.resolve()
    return not target.is_relative_to(whole) or _is_hidden(target.relative_to(whole))


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)
