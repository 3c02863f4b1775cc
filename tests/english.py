"""Phrases that a PostgreSQL manual would not print: `python -m tests.english [FILE …]` names each with file and line.

Documentation, SQL headers, comments, docstrings, messages and the names of tests are read; other code is not. The list
grows when a reviewer stumbles; it is no substitute for the reviewer.
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
    (r"(?:^|(?<=[.:;] ))The most (?!recent|common|frequent|important)[a-z]+ (?:of|that|in)\b", "the maximum number of"),
    (r"\bSo many [a-z]+\b", "this number of"),
    (r"\b(?:of|for|after|in|with|to|than|until|by|most) so many\b", "this number of"),
    (r"\b(?:it|that|which|one|this) is no (?!longer\b|more\b|less\b)", "is not a"),
    (r"\btak(?:es?|en|ing)(?: \w+){0,2} back\b", "revoke, roll back, return"),
    (r"\bwithout a word\b", "silently"),
    (r"\b(?:rules?|shares?|settings?|plans?) (?:is|are|was|were) in force\b|\bin force:", "current, valid"),
    (
        r"\btak(?:es?|en|ing|ook) in hand\b|\bwork in hand\b|\brequests in hand\b",
        "process; current work, current requests",
    ),
    (r"\bunder way\b", "in progress, current"),
    (r"\bnow and then\b", "occasionally, at intervals"),
    (r"\bagain and again\b|\bover and over\b", "repeatedly"),
    (r"\bholds? at once\b", "takes effect immediately"),
    (r"\bfor good\b(?! (?:reasons?|measure)\b)", "permanently"),
    (r"\bwith (?:commas|dots|a comma|a dot) between\b", "separated by"),
    (r"\bin the place of\b", "instead of; replace"),
    (r", too(?=[.,;:)])", "also, after the verb"),
    (r"\bas well(?=[.,;:)])", "also, after the verb"),
    (r"\bwould else\b", "would otherwise"),
    (r"\bsome \d", "about"),
    (r"\b(?:second|first) walls?\b", "barrier"),
    (r"\bby the letter\b", "exactly"),
]
# The same for the names of tests, which are sentences without their stop.
NAMES = [
    (r"^(?:what|who|whose|whoever|of|those)\b", "begin the name with its subject"),
    (r"\btold\b", "is reported, distinguished, recognised"),
    (r"\b(?:too|as well)$", "also, after the verb"),
    (r"\bstands?\b", "is; replaces, represents"),
    (r"\bmoments?\b", "timestamp; shortly"),
    (r"\bis said\b", "the error names"),
    (r"\bso long\b", "this time"),
]
# These differ from ordinary English only in their capital letter.
_CASED = (r"(?:^|(?<=[.:;!?] ))Of", r"(?:^|(?<=[.:;] ))The most", r"\bSo many")
_COMPILED = [
    (re.compile(phrase, 0 if phrase.startswith(_CASED) else re.IGNORECASE), advice) for phrase, advice in PHRASES
]
_COMPILED_NAMES = [(re.compile(phrase), advice) for phrase, advice in NAMES]
_TEST = re.compile(r"\s*(?:async )?def test_(\w+)\(")
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


def all_files() -> list[Path]:
    """The files of the project that are read."""
    # These contain the phrases themselves, and frequent words of English.
    own = (ROOT / "tests/english.py", ROOT / "tests/test_english.py", ROOT / "svc/terms/languages.py")
    paths = [path for pattern in (*_TEXTS, *_STATEMENTS, *_PROGRAMS) for path in sorted(ROOT.glob(pattern))]
    return [path for path in paths if path not in own]


def stumbles(path: Path) -> list[Stumble]:
    """The phrases in one file."""
    return [
        Stumble(path, line, match[0], advice)
        for texts, phrases in ((_prose(path), _COMPILED), (_names(path), [*_COMPILED, *_COMPILED_NAMES]))
        for line, text in texts
        for phrase, advice in phrases
        for match in phrase.finditer(text)
    ]


def _names(path: Path) -> Iterator[tuple[int, str]]:
    if path.suffix == ".py":
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if name := _TEST.match(line):
                yield number, name[1].replace("_", " ")


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
    found = [stumble for path in given or all_files() for stumble in stumbles(path)]
    for stumble in found:
        print(stumble)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
