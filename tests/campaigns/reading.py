"""Compares the texts of the files in a folder with those that others read: pdftotext, and the XML of Word documents.

    python -m tests.campaigns.reading FOLDER [--save FILE] [--before FILE]

`--save` writes the words of each file; `--before` names those whose words were more at that time. The invisible text of
PDFs is not read, as their warnings say, but pdftotext reads it: the share in parentheses is that with this text.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from lxml import etree
from rich.console import Console
from rich.table import Table

from svc.errors import CabinetError
from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse
from svc.ingest.parsers.pdf_objects import DrawnPage

LEAST = 0.98
_WORD = re.compile(r"\w+")
_HYPHEN = re.compile(r"(?<=\w)[-\u2010\u2011](?=\w)")
_JOINED = 4  # in characters: shorter words are a part of many others
_PDFTOTEXT = shutil.which("pdftotext")


def words_of(text: str) -> Counter[str]:
    """The words of a text in lower case; those that are divided at the end of a line are joined."""
    plain = unicodedata.normalize("NFKC", re.sub(r"[-\u00ad\u2010]\n\s*", "", text)).lower()
    return Counter(_WORD.findall(plain))


def given(path: Path) -> str | None:
    """The text that another program reads from a file, or None if there is none for its type."""
    if path.suffix == ".pdf" and _PDFTOTEXT:
        try:
            done = subprocess.run([_PDFTOTEXT, str(path), "-"], capture_output=True, timeout=20, check=False)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.decode(errors="replace")
    if path.suffix == ".docx":
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            root = etree.fromstring(archive.read("word/document.xml"))
        # What old readers see, the former place of moved text, and what Word does not show.
        etree.strip_elements(root, "{*}Fallback", "{*}moveFrom", with_tail=False)
        return "\n".join("".join(_shown_texts(each)) for each in root.iter("{*}p"))
    return None


def _shown_texts(paragraph: etree._Element) -> Iterator[str]:
    """All texts of a paragraph, also those in links, insertions, fields, controls and formulas."""
    for node in paragraph.iter("{*}t", "{*}tab", "{*}br", "{*}p"):
        if not node.tag.endswith("}t"):
            yield " "
        elif next(node.iterancestors("{*}p")) is paragraph and not _is_hidden(node.getparent()):
            yield node.text or ""


def _is_hidden(run: etree._Element) -> bool:
    return run.find("{*}rPr/{*}vanish") is not None


def share_of(wanted: Counter[str], found: Counter[str]) -> tuple[float, list[str]]:
    """The share of the different words that were found, and those that were not.

    How often does not matter, since headers and footers are read once. A word counts as found if it is joined with
    another.
    """
    whole = " ".join(found)
    missing = [word for word in wanted if word not in found and (len(word) < _JOINED or word not in whole)]
    return 1 - len(missing) / max(len(wanted), 1), missing


def with_invisible_text(data: bytes) -> str:
    """The text of a PDF with the text that nobody can see."""
    with mock.patch.object(DrawnPage, "remove_unseen", lambda _: False):
        return parse("pdf", data).text


def main() -> int:
    """Print a line for each file; 1 if one is read worse than it should be."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--save", type=Path)
    arguments.add_argument("--before", type=Path)
    options = arguments.parse_args()
    before: dict[str, dict[str, int] | None] = json.loads(options.before.read_text()) if options.before else {}
    saved: dict[str, dict[str, int] | None] = {}
    table = Table("file", "words", "of the other's", "missing", "than before", "warnings or error")
    worse = 0
    for path in sorted(options.folder.iterdir()):
        data = path.read_bytes()
        found, said = None, ""
        try:
            document = parse(detect_file_type(path.name, data), data)
        except CabinetError as error:
            said = error.detail
        else:
            found, said = words_of(f"{document.title}\n{document.text}"), " ".join(document.warnings)
        saved[path.name] = found if found is None else dict(found)
        share = ""
        missing: list[str] = []
        lost: list[str] = []
        if found is not None and (other := given(path)) is not None:
            # pdftotext drops the hyphens at the ends of lines, also that of "4-piperidyl".
            part, missing = share_of(words_of(other), found + words_of(_HYPHEN.sub("", document.text)))
            share = f"{part:.1%}"
            if "invisible text" in said:
                seen = with_invisible_text(data)
                part, missing = share_of(words_of(other), words_of(seen) + words_of(_HYPHEN.sub("", seen)))
                share += f" ({part:.1%})"
            worse += part < LEAST
        if (old := before.get(path.name)) is not None:
            part, lost = share_of(Counter(old), found or Counter())
            worse += part < LEAST
            lost = [f"{part:.1%}", *lost[:8]]
        size = "error" if found is None else str(found.total())
        table.add_row(path.name, size, share, " ".join(missing[:8]), " ".join(lost), said[:120])
    Console(width=220).print(table)
    if options.save:
        options.save.write_text(json.dumps(saved))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
