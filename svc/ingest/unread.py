"""Warnings for the owner of a document about the parts that were not read."""

from __future__ import annotations

from collections.abc import Sequence

from svc.printable import shortened

MOST_WARNINGS = 20
WARNING_MOST_CHARACTERS = 300


def bounded(warnings: Sequence[str]) -> list[str]:
    """Return the warnings, limited in number and length, so that they can be stored with a document."""
    shown = [shortened(each, WARNING_MOST_CHARACTERS) for each in warnings]
    if len(shown) > MOST_WARNINGS:
        rest = len(shown) - MOST_WARNINGS + 1
        shown = [*shown[: MOST_WARNINGS - 1], f"There are {rest} more warnings."]
    return shown


def numbers(values: Sequence[int]) -> str:
    """Return ascending numbers in words: `2 to 14, 17`."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1][1:] = [value]
        else:
            runs.append([value])
    return ", ".join(" to ".join(map(str, run)) for run in runs)
