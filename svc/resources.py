"""Finds `sql/`, `migrations/` and the plan files: beside the package in a checkout, inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_resources"
# In a checkout, the plan files are with the tests that compare the statements with them.
_IN_CHECKOUT = {"plans": "tests/plans/baselines"}


def resource_folder(name: str) -> Path:
    """Return the path of the folder `sql`, `migrations` or `plans`.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for folder in (_INSTALLED / name, _PACKAGE.parent / _IN_CHECKOUT.get(name, name)):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name}/ is neither in {_INSTALLED} nor in {_PACKAGE.parent}")
