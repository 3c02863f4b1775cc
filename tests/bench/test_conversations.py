"""`bench.conversations` in its smallest form: all variants find the same messages, and it writes its files."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.conversations import ALL_MESSAGES, CABINET, NO_INDEX, ONE_BY_ONE, ORM, WINDOW, main

SMALL = ["--conversations", "3", "--lengths", "4,90", "--alone", "2,80", "--rounds", "3", "--memory-mb", "32"]


def test_conversations(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [*SMALL, "--folder", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    comment, *lines = (tmp_path / "conversations.csv").read_text().splitlines()
    assert comment.startswith("# ") and "PostgreSQL" in comment
    rows = {
        (row["question"], row["conversations"], row["messages each"], row["by"]): row for row in csv.DictReader(lines)
    }
    groups = [("3", "4"), ("3", "90"), ("1", "2"), ("1", "80")]
    assert rows.keys() == {
        *(("recent", *group, name) for group in groups for name in (CABINET, ORM, ONE_BY_ONE, WINDOW)),
        *(("context", *group, name) for group in groups for name in (CABINET, ALL_MESSAGES, NO_INDEX)),
    }
    for (question, _, _, name), row in rows.items():
        assert 0 < float(row["p50 ms"]) <= float(row["p95 ms"]), question
        assert (float(row["times Cabinet"]) == 1) == (name == CABINET)
        assert row["rounds"] == "3"
    assert rows["recent", "3", "90", CABINET]["messages found"] == "15"
    assert rows["recent", "3", "4", CABINET]["messages found"] == "12"
    # 62 messages of 48 tokens, including one of the system.
    assert rows["context", "3", "90", CABINET]["messages found"] == "62"
    for name in ("conversations.recent.svg", "conversations.context.svg"):
        assert (tmp_path / name).stat().st_size > 1000
    assert "messages_instructions_idx" in (tmp_path / "conversations.1x80.messages-context.plan.txt").read_text()
    assert "WindowAgg" in (tmp_path / "conversations.3x90.window.plan.txt").read_text()
    assert " on messages" in (tmp_path / "conversations.3x90.orm.messages.plan.txt").read_text()


@pytest.mark.parametrize("wrong", [["--lengths", "1"], ["--conversations", "101"], ["--conversations", "0"]])
def test_sizes_that_cannot_be_are_refused(wrong: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [*SMALL, *wrong, "--folder", str(tmp_path)])
    assert result.exit_code == 2
    assert "at least two messages" in result.output
