"""The command: what it prints, as text and as JSON, and its exit codes."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from svc.doctor.examination import CHECKS
from tests.server_process import CABINET

# A group that is quick and of which nothing is wrong on the server of the tests.
ONLY = ["--only", "queues"]


def doctor(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CABINET, "doctor", "--database-url", url, *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_what_is_in_order_is_one_line(database_url: str) -> None:
    done = doctor(database_url, *ONLY)

    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: 4 checks, 4 ok\n", "")


async def test_verbose_names_every_check(database_url: str) -> None:
    done = doctor(database_url, *ONLY, "-v")

    assert [line.split()[1] for line in done.stdout.splitlines()[1:-1]] == [
        f"{check.name}:" for check in CHECKS if check.group == "queues"
    ]


async def test_a_warning_is_exit_code_1_and_a_fault_2(hand: Any, database_url: str) -> None:
    name = await hand.fetchval("select current_database()")
    await hand.execute(f"alter database {name} set random_page_cost = 4")
    warned = doctor(database_url, "--only", "planner-settings")
    await hand.execute("drop index chunks_content_hash_idx")
    faulty = doctor(database_url, "--only", "planner-settings", "--only", "missing-index")

    assert warned.returncode == 1
    assert warned.stdout.endswith("warning: 1 check, 1 warning\n")
    assert faulty.returncode == 2
    assert "  fault   missing-index: index chunks_content_hash_idx is missing\n" in faulty.stdout
    assert "> create index concurrently chunks_content_hash_idx on chunks (user_id, content_hash);" in faulty.stdout


async def test_a_database_that_cannot_be_looked_at_is_exit_code_3(database_url: str) -> None:
    for done in (
        doctor("postgresql://127.0.0.1:9/none"),
        doctor(database_url, "--only", "bowels"),
        doctor("mysql://x"),
    ):
        assert done.returncode == 3, done.stderr
        assert done.stderr.startswith("cabinet: ")
        assert done.stdout == ""


async def test_json_is_one_document_with_every_check(hand: Any, database_url: str) -> None:
    await hand.execute("drop index chunks_content_hash_idx")

    done = doctor(database_url, "--json", "--only", "indexes", "--only", "queue-age")

    document = json.loads(done.stdout)
    assert (document["status"], document["exit_code"], done.returncode) == ("fault", 2, 2)
    by_name = {check["name"]: check for check in document["checks"]}
    assert by_name["queue-age"]["status"] == "ok"
    missing = by_name["missing-index"]
    assert (missing["group"], missing["status"]) == ("indexes", "fault")
    (finding,) = missing["findings"]
    assert finding.keys() == {"severity", "what", "why", "mend"}
