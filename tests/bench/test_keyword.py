"""The measurements of searches by keywords and of messages run on a small text and write their figures."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
from pathlib import Path

from bench.dialogues import read_dialogue

ROOT = Path(__file__).parent.parent.parent
DIALOGUES = ROOT / "bench" / "dialogues"


def rows_of(module: str, folder: Path, *arguments: str) -> list[dict[str, str]]:
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--folder", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    (file,) = folder.glob("*.csv")
    with file.open() as lines:
        lines.readline()
        return list(csv.DictReader(lines))


def test_keywords_are_measured(tmp_path: Path) -> None:
    chance = random.Random(4)
    words = [f"word{number}" for number in range(2_000)]
    (tmp_path / "texts").mkdir()
    text = " ".join(chance.choice(words) for _ in range(20_000))
    (tmp_path / "texts" / "made.txt").write_text(text)
    (row,) = rows_of("bench.keyword", tmp_path / "results", str(tmp_path / "texts"), "--short")
    assert int(row["chunks"].replace(",", "")) > 50
    assert float(row["overlap"]) > 0.9
    assert float(row["HTTP p50"]) > 0


def test_a_search_of_messages_finds_more_than_bm25(tmp_path: Path) -> None:
    rows = {row["method"]: row for row in rows_of("bench.dialogues", tmp_path, "--limit", "6")}
    hybrid, bm25 = rows["Cabinet, hybrid"], rows["BM25 of the texts, bm25s"]
    for kind in ("multi", "single", "temporal"):
        assert float(hybrid[kind]) >= float(bm25[kind]), rows


def test_every_question_names_the_messages_that_it_needs() -> None:
    for file in DIALOGUES.glob("*.txt"):
        dialogue = read_dialogue(file)
        assert len(dialogue.messages) > 100
        assert all(asked.needed for asked in dialogue.asked)
