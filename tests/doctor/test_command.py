"""The command: its output, as text and as JSON, and its exit codes."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from svc.doctor.examination import CHECKS
from tests.conftest import PATIENCE_S
from tests.server_process import CABINET

# A group that is fast and has no findings on the server of the tests.
ONLY = ["--only", "queues"]


def doctor(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CABINET, "doctor", "--database-url", url, *arguments],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


async def test_verbose_names_every_check(database_url: str) -> None:
    done = doctor(database_url, *ONLY, "-v")

    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()[1:-1]] == [
        f"{check.name}:" for check in CHECKS if check.group == "queues"
    ]
    assert done.stdout.endswith("\nok: 5 checks, 5 ok\n")


async def test_faults_are_reported_with_their_fix_and_exit_code_2(hand: Any, database_url: str) -> None:
    await hand.execute("drop index chunks_content_hash_idx")

    done = doctor(database_url, *ONLY, "--only", "missing-index")

    assert done.returncode == 2
    assert done.stdout == (
        "indexes\n"
        "  fault   missing-index: index chunks_content_hash_idx is missing\n"
        "          ingest/known_vectors, users/delete, doctor/terms would scan whole tables\n"
        "          > create index concurrently chunks_content_hash_idx on chunks (user_id, content_hash);\n"
        "fault: 6 checks, 1 fault, 5 ok\n"
    )


async def test_a_database_that_cannot_be_looked_at_is_exit_code_3(database_url: str) -> None:
    for done in (
        doctor("postgresql://127.0.0.1:9/none"),
        doctor(database_url, "--only", "bowels"),
    ):
        assert done.returncode == 3, done.stderr
        assert done.stderr.startswith("cabinet: ")
        assert done.stdout == ""


async def test_json_is_one_document_and_a_warning_exit_code_1(hand: Any, database_url: str) -> None:
    name = await hand.fetchval("select current_database()")
    await hand.execute(f"alter database {name} set random_page_cost = 4")

    done = doctor(database_url, "--json", "--only", "planner-settings", "--only", "queue-age")

    document = json.loads(done.stdout)
    assert (document["status"], document["exit_code"], done.returncode) == ("warning", 1, 1)
    planner, queue = document["checks"]
    assert (planner["name"], planner["group"], planner["status"]) == ("planner-settings", "settings", "warning")
    (finding,) = planner["findings"]
    assert finding.keys() == {"severity", "what", "why", "fix"}
    assert (queue["name"], queue["status"], queue["findings"]) == ("queue-age", "ok", [])
