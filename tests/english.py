"""Phrases that a PostgreSQL manual would not print: `python -m tests.english [FILE …]` names each with file and line.

Documentation, SQL headers, comments, docstrings and messages are read; code is not. The list grows when a reviewer
stumbles; it is no substitute for the reviewer.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

# The phrase, and its replacement.
PHRASES = [
    (r"\banew\b", "again; recompute, rebuild, reset"),
    (r"\bmend(s|ed|ing)?\b", "fix"),
    (r"\bby lot\b", "at random"),
    (r"\b(?:is|are|be|was|were|been) told (?:of|by|apart)\b", "is logged, identified, distinguished"),
    (r"\bthat which\b", "name it"),
    (r"(?:^|(?<=[.:;!?] ))Of (?!course\b)[a-z]", "begin the sentence with its subject"),
    (r"\b(?:fault|error|bug)s? of ours\b", "a bug in Cabinet"),
    (r"\bfor want of\b", "because there is no"),
    (r"\bbegins? again from nothing\b", "starts over"),
    (r"\bwhose time is over\b", "expired"),
    (r"\bthe like of\b", "such as"),
    (r"\bwhoever\b", "a user who, anybody who"),
    (r"\bat first sight\b", "when it is first used"),
    (r"\b(?:page|one) before\b(?= *(?:;|$))", "the previous page"),
    (r"\bwith what (?:is|was|are|were)\b", "name it"),
    (r"\bwhat is left of\b", "the rest of, the remaining rows of"),
]
_COMPILED = [(re.compile(phrase, re.IGNORECASE if "Of (" not in phrase else 0), advice) for phrase, advice in PHRASES]
_TEXTS = ("*.md", "docs/**/*.md", "tests/**/*.md")
_STATEMENTS = ("sql/**/*.sql", "migrations/*.sql", "bench/**/*.sql", "tests/**/*.sql")
_PROGRAMS = ("svc/**/*.py", "tests/**/*.py", "bench/**/*.py", "clients/**/*.py")


class Stumble(NamedTuple):
    """A phrase to rewrite."""

    path: Path
    line: int
    phrase: str
    advice: str

    def __str__(self) -> str:
        path = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path
        return f"{path}:{self.line}: {self.phrase.strip()!r}: {self.advice}"


def stumbles(path: Path) -> list[Stumble]:
    """The phrases in one file."""
    return [
        Stumble(path, line, match[0], advice)
        for line, text in _prose(path)
        for phrase, advice in _COMPILED
        for match in phrase.finditer(text)
    ]


def _prose(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING):
                for number, line in enumerate(token.string.splitlines()):
                    yield token.start[0] + number, line.strip().lstrip("#rbf\"' ")
    else:
        for number, line in enumerate(source.splitlines(), start=1):
            # The names of parameters and columns are code.
            if path.suffix != ".sql" or (line.startswith("--") and not line.startswith(("-- returns:", "--   "))):
                yield number, line.lstrip("-#>*| ")


def main() -> None:
    """Print the findings; exit with 1 if there are any."""
    given = [Path(name).resolve() for name in sys.argv[1:]]
    paths = given or [path for pattern in (*_TEXTS, *_STATEMENTS, *_PROGRAMS) for path in sorted(ROOT.glob(pattern))]
    # These contain the phrases themselves, and frequent words of English.
    own = (ROOT / "tests/english.py", ROOT / "tests/test_english.py", ROOT / "svc/terms/languages.py")
    found = [stumble for path in paths if path not in own for stumble in stumbles(path)]
    for stumble in found:
        print(stumble)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
