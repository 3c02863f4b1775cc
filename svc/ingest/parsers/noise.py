"""Omits parts of a text that are not text: files that are embedded in base64."""

from __future__ import annotations

import re
from collections import defaultdict

_DATA_URI = re.compile(
    r"data:[a-z0-9.+/-]{0,80}(?:;[a-z0-9=.+-]{1,40}){0,4};base64,[a-z0-9+/=%_-]{100,}", re.IGNORECASE
)
_PGP = re.compile(r"-----BEGIN PGP MESSAGE-----.*?(?:-----END PGP MESSAGE-----|\Z)", re.DOTALL)
_LINES = re.compile(r"^(?:[A-Za-z0-9+/]{60,100}\n){8,}[A-Za-z0-9+/]{1,100}={0,2}$", re.MULTILINE)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{400,}={0,2}")
# Base64 has letters of both cases and digits. No word of 400 characters has.
_KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
_LINES_SHOWN = 5


def without_noise(text: str) -> tuple[str, list[str]]:
    """Return `text` without embedded files, and a warning for each kind of them, with their lines."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def remove(match: re.Match[str]) -> str:
        content = match.group()
        if not all(kind.search(content, 0, 10_000) for kind in _KINDS):
            return content
        lines = found["embedded image" if content[:11].lower() == "data:image/" else "embedded file"]
        line = match.string.count("\n", 0, match.start()) + 1 if len(lines) < _LINES_SHOWN else 0
        lines.append((line, len(content) * 3 // 4))
        return ""

    if "-----BEGIN PGP MESSAGE" in text:
        text, encrypted = _PGP.subn("", text)
    else:
        encrypted = 0
    if "base64," in text:
        text = _DATA_URI.sub(remove, text)
    for pattern in (_LINES, _RUN):
        if pattern.search(text):
            text = pattern.sub(remove, text)
    warnings = [_warning(kind, removed) for kind, removed in found.items()]
    if encrypted:
        warnings.append("Text that is encrypted (PGP) was not read.")
    return text, warnings


def _warning(kind: str, removed: list[tuple[int, int]]) -> str:
    shown = ", ".join(str(line) for line, _ in removed[:_LINES_SHOWN])
    more = ", …" if len(removed) > _LINES_SHOWN else ""
    kilobytes = -(-sum(size for _, size in removed) // 1024)
    if len(removed) == 1:
        return f"1 {kind} in base64, of {kilobytes} kB, on line {shown}, was omitted."
    return f"{len(removed)} {kind}s in base64, of {kilobytes} kB in all, on lines {shown}{more}, were omitted."
