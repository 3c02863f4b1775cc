"""The lengths of tests that prove more if they run longer: short in the suite, long with LONG_TESTS=1."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")
IS_LONG = os.environ.get("LONG_TESTS") == "1"


def length(short: T, long: T) -> T:
    """Return one of the two."""
    return long if IS_LONG else short
