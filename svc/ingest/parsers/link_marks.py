"""Puts the address of a link after the sentence that contains the text of the link.

Directly after the words, addresses would cut the sentence in two, and a search for it as an exact phrase would not find
it. A parser marks an address behind the words, and the writer of the document moves it.
"""

from __future__ import annotations

import re

# Unicode reserves these for internal use, so no text contains them.
_BEFORE, _AFTER = "\ufdd0", "\ufdd1"
_MARKED = re.compile(f"{_BEFORE}([^{_BEFORE}{_AFTER}\n]*){_AFTER}")
_SENTENCE_END = re.compile(r"[.!?\u2026][)\]\"'\u2019\u201d]*(?=\s)|[\u3002\uff01\uff1f]|$")


def marked(address: str) -> str:
    """An address for the place behind the words of its link."""
    return f"{_BEFORE}{address}{_AFTER}"


def placed(text: str) -> str:
    """The text with each marked address behind its sentence, in parentheses, or at the end of its line."""
    if _BEFORE not in text:
        return text
    return "\n".join(_line(line) if _BEFORE in line else line for line in text.split("\n"))


def _line(line: str) -> str:
    parts: list[str] = []
    waiting: list[str] = []
    pieces = _MARKED.split(line)
    # Split by one group: text and address in turn.
    for text, address in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        end = _SENTENCE_END.search(text) if waiting else None
        if end and end.end() < len(text):
            parts += [text[: end.end()], _in_parentheses(waiting), text[end.end() :]]
            waiting = []
        else:
            parts.append(text)
        waiting += [address] if address else []
    if waiting:
        last = "".join(parts)
        kept = last.rstrip()
        parts = [kept, _in_parentheses(waiting), last[len(kept) :]]
    return "".join(parts)


def _in_parentheses(addresses: list[str]) -> str:
    return f" ({', '.join(addresses)})"
