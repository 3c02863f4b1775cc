"""Where `sql/` and `migrations/` are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_resources"


def resource_folder(name: str) -> Path:
    """The folder `sql` or `migrations`.

    Raises:
        FileNotFoundError: neither place has it, so the installation is incomplete.
    """
    for base in (_INSTALLED, _PACKAGE.parent):
        folder = base / name
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name}/ is neither in {_INSTALLED} nor in {_PACKAGE.parent}")
