"""Texts that are hard to split into chunks: with parts that are much longer or shorter than a chunk."""

from __future__ import annotations

import json
import random

_WORDS = "the of tide and in is harbour vessel observatory insurance for was certificate on to it".split()  # noqa: SIM905
_SENTENCE = "潮汐是由月球和太阳的引力引起的海水周期性涨落现象。每天发生两次高潮和两次低潮，"
_TABLE = "| name | text |\n|---|---|\n"


def odd_texts(seed: int = 4, size: int = 40) -> dict[str, str]:
    """Return texts by file name; `size` is the number of sections, rows or items of each."""
    generator = random.Random(seed)

    def words(*counts: int) -> str:
        return " ".join(generator.choices(_WORDS, k=generator.choice(counts)))

    many = range(size)
    lines = [f"x{n} = {words(3)!r}" for n in range(4 * size)]
    rows = "".join(f"  | {words(3)} | {n} |\n" for n in range(2 * size))
    fenced = "".join(f"   {line}\n" for line in lines)
    cells: list[dict[str, object]] = [
        {"cell_type": kind, "metadata": {}, "source": source, "outputs": [], "execution_count": 1}
        for n in many
        for kind, source in (("markdown", f"## Step {n}\n{words(2, 12)}"), ("code", f"import a{n}"), ("markdown", "Ok"))
    ]
    html = "".join(
        f"<h2>{words(1)}</h2><p>{words(2)}<h3>x</h3><h4>y</h4><pre><code>{words(6, 400)}\n{words(6)}</code></pre>"
        f"<table><tr><th>a<th>b</tr><tr><td>{words(1, 40, 700)}<td>2</table>"
        for _ in many
    )
    return {
        "tiny sections.md": "\n\n".join(f"{'#' * (1 + n % 6)} Section {n}\n\nYes {n}." for n in range(10 * size)),
        "six levels.md": "\n\n".join(f"{'#' * n} Level {n}\n\n{words(5)}." for _ in many for n in range(1, 7)),
        "headings at the end.md": f"# T\n\n{words(506)}\n\n## Last\n\n### Laster\n",
        "underlined.md": "\n\n".join(f"Heading {n}\n=====\n\n{words(120)}" for n in many),
        "cells.ipynb": json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
        "long rows.csv": "id,notes\n" + "\n".join(f'{n},"{words(3, 480, 520, 900)}"' for n in many),
        "many columns.csv": f"{','.join(f'column {n}' for n in range(200))}\n" + f"{'1,' * 199}1\n" * size,
        "no definitions.py": "\n".join(lines),
        "one dictionary.py": "DATA = {\n" + "".join(f"    'k{n}': '{words(4)}',\n" for n in range(4 * size)) + "}\n",
        "one line.js": "!function(e,t){" + "".join(f"e.x{n}=t({n});" for n in range(40 * size)) + "}(this);\n//# end\n",
        "one line.json": json.dumps({f"k{n}": [n, words(4)] for n in range(10 * size)}),
        "records.jsonl": "\n".join(json.dumps({"i": n, "t": words(1, 3, 700)}) for n in many),
        "nested lists.md": "\n".join(f"{'  ' * (n % 7)}- item {n} {words(1, 8, 60)}" for n in range(5 * size)),
        "tables in lists.md": "# L\n\n" + "\n".join(f"- item {n}\n\n{rows}\n  after {words(5)}\n" for n in range(3)),
        "tables with long rows.md": f"# T\n\n{_TABLE}" + "".join(f"| n{n} | {words(3, 500, 800)} |\n" for n in many),
        "small tables.md": "\n\n".join(f"## S{n}\n\n{words(480)}\n\n{_TABLE}| 1 | {n} |" for n in many),
        "a wide head.md": f"# T\n\n|{' a word |' * 300}\n|{'---|' * 300}\n" + f"|{' 1 |' * 300}\n" * 9,
        "code in lists.md": "\n".join(f"1. i {n}\n\n   ```python\n{fenced}   ```\n\n   after\n" for n in range(3)),
        "an open fence.md": "Hi\n\n```sh\n" + "\n".join(f"echo {n} {words(4)}" for n in range(8 * size)),
        "code between two words.md": "Hi\n\n```\n" + "\n".join(words(8) for _ in range(4 * size)) + "\n```\n\nBye",
        "a fence with a long line.md": f"# Q\n\n```json\n{json.dumps([words(3)] * 10 * size)}\n```\n\nend\n",
        "chinese.md": "# 潮汐\n\n" + "\n\n".join(f"## 第{n}章\n\n{_SENTENCE * (1, 3, 30)[n % 3]}" for n in many),
        "chinese without signs.txt": "潮汐月球海水" * 40 * size,
        "one line.txt": words(20_000 // 40 * size // 20),
        "one word.txt": "a" * 2_000 * size,
        "pictures.txt": "🦊🐳" * 60 * size,
        "short and full.txt": "\n\n\n".join(words(1, 2, 511, 512) for _ in many),
        "headings and long parts.html": f"<h1>A</h1>{html}",
    }  # fmt: skip
