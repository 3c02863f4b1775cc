"""Simplifies LaTeX source before it is cut into blocks: its own commands, links, notes and captions."""

from __future__ import annotations

import re

from svc.ingest.parsers.link_marks import marked

_DEFINITION = re.compile(
    r"\\(?:(?:re|provide)?newcommand|DeclareRobustCommand)\*?\s*\{?\s*\\(?P<name>[a-zA-Z]+)\s*\}?"
    r"(?:\[(?P<count>\d)\])?(?P<optional>\[[^\]]{0,500}\])?\s*\{|\\def\s*\\(?P<plain>[a-zA-Z]+)(?P<parameters>(?:#\d)*)\{"
)
_COMMENT_BEGIN, _COMMENT_END = "\\begin{comment}", "\\end{comment}"
_KEPT = re.compile(
    r"\\verb\*?(?P<mark>[^a-zA-Z*\s])(?P<verbatim>[^\n]*?)(?P=mark)"
    r"|\\(?:url|path|nolinkurl)\s*\{(?P<url>[^{}\n]*)\}"
)
_CODE = re.compile(
    r"(?P<begin>\\begin\{(?P<name>verbatim|lstlisting|minted|Verbatim)\*?\}(?:\[[^\]\n]*\]|\{[^}\n]*\})*)(?P<source>.*?)"
    r"(?P<end>\\end\{(?P=name)\*?\})",
    re.DOTALL,
)
# Marks that begin and end code, as \verb does: some classes define |.
_SHORT = re.compile(
    r"\\MakeShortVerb\*?\s*\{?\s*\\(?P<mark>[^a-zA-Z\s])|\\documentclass(?:\[[^\]]*\])?\{(?:ltxdoc|ltxguide|l3doc|ltnews)\}"
)
_GERMAN = re.compile(r"\\(?:documentclass|usepackage)[^\n]{0,500}\bn?german\b")
_GERMAN_MARKS = {
    '"a': "ä", '"o': "ö", '"u': "ü", '"A': "Ä", '"O': "Ö", '"U': "Ü", '"s': "ß", '"z': "ß", '"`': "„", "\"'": "“",
    '"-': "", '"=': "-", '"~': "-", '""': "",
}  # fmt: skip
_GERMAN_MARK = re.compile("|".join(map(re.escape, _GERMAN_MARKS)))
_HREF = re.compile(r"\\href\s*(?:\[[^\]]{0,500}\])?\{(?P<target>[^{}\n]*)\}\s*\{")
_NOTE = re.compile(r"\\(?:footnote|thanks|marginpar|footnotetext|note(?=[\s\[{]))\s*(?:\[[^\]]{0,500}\])?\{")
_CAPTION = re.compile(r"\\caption\*?\s*(?:\[[^\]]{0,500}\])?\{")
_CITED = re.compile(r"\\(?:[a-zA-Z]*cite[a-zA-Z]*)\*?(?:\[[^\]]{0,500}\])*\{([^{}]*)\}")
_BIB_ITEM = re.compile(r"\\bibitem\s*(?:\[[^\]]{0,500}\])?\{([^{}]*)\}")
# The commands whose first arguments are measures, colours and names, with the number of these.
_ARGUMENTS = {
    "textcolor": 1, "color": 1, "multicolumn": 2, "multirow": 2, "parbox": 1, "colorbox": 1, "fcolorbox": 2,
    "resizebox": 2, "scalebox": 1, "rotatebox": 1, "raisebox": 1, "fontsize": 2, "selectlanguage": 1,
    "foreignlanguage": 1, "hypersetup": 1, "definecolor": 3, "newenvironment": 1, "begin{minipage}": 1,
    "begin{thebibliography}": 1, "begin{multicols}": 1, "begin{wrapfigure}": 2,
}  # fmt: skip
_OPTIONS = r"\*?(?:\[[^\]]{0,500}\])*"
_DROPPED = re.compile(
    r"\\(?:"
    + "|".join(
        rf"{re.escape(name)}(?![a-zA-Z]){_OPTIONS}(?:\s*\{{[^{{}}]*\}}){{{count}}}"
        for name, count in _ARGUMENTS.items()
    )
    + ")"
)
_OTHERS = re.compile(
    r"\\(?P<kind>input|include|subfile|subimport|import|bibliography|addbibresource|includegraphics|lstinputlisting)\*?"
    r"(?:\[[^\]]{0,500}\])*(?:\{(?P<folder>[^{}\n]*)\}(?=\{))?(?:\{(?P<name>[^{}\n]*)\}|[ \t]+(?P<bare>[^\s\\{}]+))"
)
_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?[ \t]*")
_FALSE = re.compile(r"\\iffalse(?![a-zA-Z])")
_CONDITION = re.compile(r"\\(?P<edge>if[a-zA-Z]*|else|fi)(?![a-zA-Z])")
_MOST_BODY_CHARACTERS = 2_000
_PASSES = 3
_NAMED = 10  # in a warning
_KEPT_MARK = re.compile("\ue000(\\d{1,7})\ue001")


class Source:
    """The source of a document. `text` is the simplified source, with marks for parts that must no longer change."""

    def __init__(self, text: str) -> None:
        self._kept: list[str] = []
        text = _without_false(_without_comments(_KEPT_MARK.sub("", text)))
        text = _CODE.sub(lambda found: found["begin"] + self._mark(found["source"]) + found["end"], text)
        text = _KEPT.sub(lambda found: self._keep(found["verbatim"] or found["url"] or ""), text)
        for mark in {found["mark"] or "|" for found in _SHORT.finditer(text)}:
            short = re.compile(r"(?<!\\){0}([^{0}\n]+){0}".format(re.escape(mark)))
            text = short.sub(lambda found: self._mark(found[1]), text)
        text = _HREF.sub(lambda found: f"\\cabinetlink{{{self._keep(found['target'])}}}{{", text)
        text = _COMMENT.sub("", text)
        if _GERMAN.search(text):
            text = _GERMAN_MARK.sub(lambda found: _GERMAN_MARKS[found.group()], text)
        self.warnings = _unread(text)
        text = _expanded(text)
        text = _wrapped(text, re.compile(r"\\cabinetlink\{(?P<mark>[^{}]*)\}\{"), "{words}" + marked("{mark}"))
        text = _wrapped(text, _NOTE, " (Note: {words})")
        text = _wrapped(text, _CAPTION, "\n\n{words}\n\n")
        text = _CITED.sub(r"[\1]", _BIB_ITEM.sub(r"\n\n[\1] ", text))
        self.text = _DROPPED.sub("", text)

    def restored(self, text: str) -> str:
        """The text with the marks replaced by their texts."""

        def kept(found: re.Match[str]) -> str:
            number = int(found.group(1))
            return self._kept[number] if number < len(self._kept) else ""

        return _KEPT_MARK.sub(kept, text)

    def _keep(self, text: str) -> str:
        return self._mark(re.sub(r"\\([%#&_~{}])", r"\1", text))

    def _mark(self, text: str) -> str:
        self._kept.append(text)
        return f"\ue000{len(self._kept) - 1}\ue001"


def braced(text: str, start: int) -> str:
    """The text from `start` to the brace that closes the one before it."""
    depth, at = 1, start
    for at in range(start, min(len(text), start + 5_000)):
        if text[at] in "{}" and text[at - 1] != "\\":
            depth += 1 if text[at] == "{" else -1
            if depth == 0:
                break
    return text[start:at]


def _without_comments(text: str) -> str:
    parts: list[str] = []
    at = 0
    while (start := text.find(_COMMENT_BEGIN, at)) >= 0 and (end := text.find(_COMMENT_END, start)) >= 0:
        parts.append(text[at:start])
        at = end + len(_COMMENT_END)
    return "".join([*parts, text[at:]])


def _without_false(text: str) -> str:
    """The text without that between `\\iffalse` and its `\\else` or `\\fi`, which is a longer comment."""
    parts: list[str] = []
    at = 0
    while start := _FALSE.search(text, at):
        parts.append(text[at : start.start()])
        at, depth = len(text), 1
        for edge in _CONDITION.finditer(text, start.end()):
            if edge["edge"] == "else":
                depth -= depth == 1
            else:
                depth += -1 if edge["edge"] == "fi" else 1
            if depth == 0:
                at = edge.end()
                break
    return "".join([*parts, text[at:]])


def _wrapped(text: str, pattern: re.Pattern[str], form: str) -> str:
    """The text with each command and its braces replaced by a form with the words in them."""
    parts: list[str] = []
    at = 0
    while found := pattern.search(text, at):
        words = braced(text, found.end())
        parts += [text[at : found.start()], form.format(words=words, **found.groupdict())]
        at = found.end() + len(words) + 1
    return "".join([*parts, text[at:]])


def _expanded(text: str) -> str:
    """The text with the commands that it defines, except for those that would make it many times longer."""
    macros: dict[str, tuple[int, str]] = {}
    parts: list[str] = []
    at = 0
    while found := _DEFINITION.search(text, at):
        body = braced(text, found.end())
        count = int(found["count"] or 0) if found["name"] else len(found["parameters"]) // 2
        if len(body) <= _MOST_BODY_CHARACTERS and not found["optional"]:
            macros[found["name"] or found["plain"]] = (count, body)
        parts.append(text[at : found.start()])
        at = found.end() + len(body) + 1
    text = "".join([*parts, text[at:]])
    if not macros:
        return text
    longest = 2 * len(text) + 100_000
    call = re.compile(r"\\(" + "|".join(sorted(macros, key=len, reverse=True)) + r")(?![a-zA-Z])[ \t]?")
    for _ in range(_PASSES):
        longer = _called(text, call, macros, longest)
        if longer == text:
            break
        text = longer
    return text


def _called(text: str, call: re.Pattern[str], macros: dict[str, tuple[int, str]], longest: int) -> str:
    parts: list[str] = []
    at = length = 0
    while (found := call.search(text, at)) and length < longest:
        count, body = macros[found.group(1)]
        end = found.end()
        for number in range(1, count + 1):
            argument = ""
            if text[end : end + 1] == "{":
                argument = braced(text, end + 1)
                end += len(argument) + 2
            body = body.replace(f"#{number}", argument)
        parts += [text[at : found.start()], body]
        length += len(parts[-1]) + len(parts[-2])
        at = end
    return "".join([*parts, text[at:]])


def _unread(text: str) -> list[str]:
    """Warn about other files from which the document includes text and images."""
    files: dict[str, None] = {}
    sources: dict[str, None] = {}
    images = 0
    for found in _OTHERS.finditer(text):
        name = (found["folder"] or "") + (found["name"] or found["bare"] or "")
        if found["kind"] == "includegraphics":
            images += 1
        elif found["kind"] in ("bibliography", "addbibresource"):
            sources[name[:100]] = None
        else:
            files[name[:100]] = None
    warnings = []
    if files:
        warnings.append(f"The text of other files was not read: {', '.join(list(files)[:_NAMED])}.")
    if sources:
        warnings.append(f"The bibliography is in other files and was not read: {', '.join(list(sources)[:_NAMED])}.")
    if images:
        warnings.append(f"{'1 image was' if images == 1 else f'{images} images were'} not read.")
    return warnings
