"""`cabinet demo`: its claims are true, it reports a false one, and it leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from svc.demo.client import DemoFailedError
from svc.demo.samples import harbour_samples, observatory_samples
from svc.demo.screen import Screen, snippet
from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse
from tests.conftest import PATIENCE_S
from tests.server_process import CABINET, clean_environment

BROKEN_DEMO = """
import svc.demo.tour
from svc.cli.main import main
svc.demo.tour.QUESTION_TO_PDF = svc.demo.tour.QUESTION_TO_BOTH
main()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder for the demo's temporary files, which root's PostgreSQL, another user, can also access."""
    with tempfile.TemporaryDirectory(prefix="cabinet-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of this process, with `folder` for temporary files."""
    return clean_environment(TMPDIR=str(folder), **variables)


def left_behind(folder: Path) -> list[str]:
    """Data folders, and processes that use them."""
    # Without a login session, PostgreSQL's wheel keeps its own empty lock file there.
    data = [path.name for path in folder.iterdir() if not path.name.startswith("runtime-")]
    processes = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return data + [process for process in processes if str(folder) in process]


def test_shows_what_it_claims_and_stops_everything(folder: Path) -> None:
    # The caller's key and database are not used.
    noise = {"DATABASE_URL": "postgresql://nobody@localhost:1/none", "OPENAI_API_KEY": "sk-of-nobody"}
    noise |= {"CABINET_WORKER_CONCURRENCY": "0", "HTTP_PROXY": "http://localhost:1", "http_proxy": "http://localhost:1"}
    done = subprocess.run(
        [*CABINET, "demo"],
        cwd=folder,
        env=environment(folder, **noise),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.count("✓ ") >= 14
    assert "observatory-manual.pdf, page 1" in done.stdout
    assert "another user's document answers exactly as one that never existed" in done.stdout
    assert "Server-Timing: db;dur=" in done.stdout
    assert "\x1b" not in done.stdout, "no colours in a pipe"
    assert left_behind(folder) == []


def test_ctrl_c_stops_everything(folder: Path) -> None:
    demo = subprocess.Popen([*CABINET, "demo"], env=environment(folder), stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Their documents" in line:
            break
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 130
    assert left_behind(folder) == []


def test_stop_during_the_start_also_stops_the_database(folder: Path) -> None:
    demo = subprocess.Popen([*CABINET, "demo"], env=environment(folder), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not list(folder.glob("*/postgres/postmaster.pid")) and time.monotonic() < deadline:
        time.sleep(0.01)
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(PATIENCE_S) == 130
    assert left_behind(folder) == []


def test_says_what_it_did_not_show_and_keeps_a_chosen_folder(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_DEMO, "demo", "--data-dir", str(folder / "kept")],
        # This also works on a terminal without Unicode.
        env=environment(folder, PYTHONIOENCODING="ascii"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "ok: database, migrations and worker are ready" in done.stdout
    assert done.stderr.startswith("cabinet: the demo did not show that the best answer is in observatory-manual.pdf")
    assert left_behind(folder) == ["kept"]
    assert (folder / "kept/admin.key").exists()


def test_a_claim_that_does_not_hold_is_an_error() -> None:
    screen = Screen()
    screen.check("this holds", True)
    with pytest.raises(DemoFailedError, match="did not show that that holds; it found: something else"):
        screen.check("that holds", False, "something else")
    assert screen.checks == 1


def test_the_manual_has_two_pages() -> None:
    (manual,) = [sample for sample in observatory_samples() if sample.filename.endswith(".pdf")]

    read = parse("pdf", manual.content)
    pages = [(block.place["page"], " ".join(read.text[block.start : block.end].split())) for block in read.blocks]

    assert [number for number, _ in pages] == [1, 2]
    assert "less than one degree warmer than the air outside" in pages[0][1]
    assert "Error E17, the guider has lost its star." in pages[1][1]


def test_samples_are_of_their_types() -> None:
    samples = [*observatory_samples(), *harbour_samples()]
    assert [detect_file_type(sample.filename, sample.content) for sample in samples] == [
        "pdf", "html", "markdown", "html", "markdown", "csv",
    ]  # fmt: skip


def test_snippet_is_the_sentence_that_answers() -> None:
    text = "# Rules\n\nDogs may not come in. Cats\nmay come in at night. Birds may stay.\n\n" + "More words. " * 50
    assert snippet(text, "When may cats come in?").startswith("Cats may come in at night. Birds may stay.")
    assert len(snippet("word " * 500, "word")) < 200
