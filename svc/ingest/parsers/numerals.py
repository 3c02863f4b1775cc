"""Numbers of list items in Roman numerals and letters."""

from __future__ import annotations

_NUMERALS = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
             (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


def numeral(number: int, numbering: str) -> str:
    """Return the number of an item in a numbering of HTML: `1`, `a`, `A`, `i` or `I`."""
    if numbering in ("a", "A") and 0 < number <= 26:
        return chr(ord(numbering) + number - 1)
    if numbering in ("i", "I") and 0 < number < 4000:
        written = roman(number)
        return written if numbering == "i" else written.upper()
    return str(number)


def roman(number: int) -> str:
    """Return a number from 1 in small Roman numerals."""
    written = ""
    for value, letters in _NUMERALS:
        count, number = divmod(number, value)
        written += letters * count
    return written
