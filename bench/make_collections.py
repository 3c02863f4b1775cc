"""Makes small, different collections with known answers, in the format of `bench.quality`.

    apt-get download linux-doc-6.1 python3.11-doc; for each package: dpkg-deb -x PACKAGE /tmp/texts
    python -m bench.make_collections /tmp/texts /tmp/collections

faq      questions of Python's FAQ; the documents are its answers among other sections of Python's documentation
code     first sentences of docstrings; the documents are functions of Python's standard library without docstrings
names    names of functions and methods as a programmer types them; the documents are their descriptions
titles   titles of pages of the Linux kernel's documentation; the documents are the pages without their titles
"""

from __future__ import annotations

import ast
import gzip
import html
import json
import re
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import numpy as np

QUERIES = 300
DOCUMENTS = 3_000
LONGEST = 2_000
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_SECTION = re.compile(r"<h[1-4]>(.*?)</h[1-4]>(.*?)(?=<h[1-4]>|\Z)", re.DOTALL)
_ENTRY = re.compile(r'<dt class="sig[^>]*id="([\w.]+)">.*?</dt>\s*<dd>(.*?)</dd>', re.DOTALL)
_TITLE = re.compile(r"<h1>(.*?)</h1>(.*)", re.DOTALL)

Pairs = list[tuple[str, str]]
"""Pairs of a query and its document; the query is empty for a document that no query needs."""


@click.command(help=__doc__.split("\n\n", maxsplit=1)[0])
@click.argument("texts", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
def main(*, texts: Path, target: Path) -> None:
    """Make all collections."""
    pages = {path: _read(path) for path in sorted(texts.rglob("*.html*")) if path.is_file() and not path.is_symlink()}
    python = {path: page for path, page in pages.items() if "python" in str(path)}
    linux = [page for path, page in pages.items() if "linux" in str(path)]
    _write(target / "faq", _questions(python))
    _write(target / "code", list(_functions(Path(sysconfig.get_path("stdlib")))))
    _write(target / "names", [(name, _text(body)) for page in python.values() for name, body in _ENTRY.findall(page)])
    _write(target / "titles", [(_text(found[1]), _text(found[2])) for page in linux if (found := _TITLE.search(page))])


def _questions(pages: Mapping[Path, str]) -> Pairs:
    pairs: Pairs = []
    for path, page in pages.items():
        for title, body in _SECTION.findall(page):
            is_question = "faq" in str(path) and "?" in title
            pairs.append((_text(title) if is_question else "", _text(body)))
    return pairs


def _functions(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (words := ast.get_docstring(node)) and len(node.body) > 1:
                asked = " ".join(words.split("\n\n")[0].split()).split(". ")[0]
                node.body = node.body[1:]
                yield (asked if len(asked.split()) > 3 else ""), ast.unparse(node)


def _read(path: Path) -> str:
    content = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    return content.decode(errors="replace")


def _text(page: str) -> str:
    return " ".join(html.unescape(_TAGS.sub(" ", page)).replace("\u00b6", " ").replace("\0", " ").split())


def _write(folder: Path, pairs: Pairs) -> None:
    """Write a part of the pairs, the same each time; repeated queries and texts are omitted."""
    chance = np.random.default_rng(7)
    shuffled = [pairs[place] for place in chance.permutation(len(pairs))]
    wanted, texts, asked = [], set[str](), set[str]()
    for query, text in sorted(shuffled, key=lambda pair: not pair[0]):
        if len(text) < 100 or text in texts or query in asked:
            continue
        texts.add(text)
        asked.update({query} if query else ())
        wanted.append((query, text[:LONGEST]))
    wanted = wanted[:DOCUMENTS]
    folder.mkdir(parents=True, exist_ok=True)
    queries = [(number, query) for number, (query, _) in enumerate(wanted) if query][:QUERIES]
    _write_lines(folder / "corpus.jsonl", [{"_id": f"d{n}", "text": text} for n, (_, text) in enumerate(wanted)])
    _write_lines(folder / "queries.jsonl", [{"_id": f"q{number}", "text": query} for number, query in queries])
    rows = [f"q{number}\td{number}\t1" for number, _ in queries]
    (folder / "qrels.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n", encoding="utf-8")
    click.echo(f"{folder}: {len(wanted):,} documents, {len(queries)} queries")


def _write_lines(file: Path, lines: list[dict[str, str]]) -> None:
    file.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
