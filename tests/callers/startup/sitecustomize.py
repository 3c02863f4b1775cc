"""Runs first in every Python process of the tests: in `cabinet`, the recorder hooks modules when they are imported."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any


class _Hooked(MetaPathFinder):
    """Finds a module like the other finders, and hooks it after it is loaded."""

    def __init__(self, hooks: dict[str, Any]) -> None:
        self._hooks = hooks

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        hook = self._hooks.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if hook is not None else None
        if spec is None or spec.loader is None:
            return None
        loader: Loader = spec.loader
        load = loader.exec_module

        def load_and_hook(module: ModuleType) -> None:
            load(module)
            hook(module)

        loader.exec_module = load_and_hook  # type: ignore[method-assign]
        return spec


if "RECORD_CALLERS_IN" in os.environ and any(Path(word).name == "cabinet" for word in sys.orig_argv[1:2]):
    root = Path(__file__).resolve().parents[3]
    spec = importlib.util.spec_from_file_location("callers_recorder", root / "tests" / "callers" / "recorder.py")
    assert spec is not None
    assert spec.loader is not None
    recorder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recorder)
    sys.meta_path.insert(0, _Hooked(dict(recorder.HOOKS)))
