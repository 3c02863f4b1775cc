"""Where `sql/`, `migrations/` and the plan files are: in a checkout beside the package, in a wheel inside it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_resources"
# In a checkout the plan files stand with the tests that hold the statements to them.
_IN_CHECKOUT = {"plans": "tests/plans/baselines"}


def resource_folder(name: str) -> Path:
    """The folder `sql`, `migrations` or `plans`.

    Raises:
        FileNotFoundError: neither place has it, so the installation is incomplete.
    """
    for folder in (_INSTALLED / name, _PACKAGE.parent / _IN_CHECKOUT.get(name, name)):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name}/ is neither in {_INSTALLED} nor in {_PACKAGE.parent}")
