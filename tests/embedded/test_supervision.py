"""A running service restarts its embedded server when that is killed."""

from __future__ import annotations

import os
import signal
import time

import httpx
import psutil

from tests.server_process import ServerProcess


def postmaster(server: ServerProcess) -> int:
    return int((server.folder / "data" / "postgres" / "postmaster.pid").read_text().split()[0])


def until_ready(server: ServerProcess, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if httpx.get(f"{server.url}/health/ready").status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError(f"not ready after {within_s} s:\n{server.log()}")


def test_a_service_restarts_its_killed_server_and_works_again() -> None:
    with ServerProcess() as server:
        key = server.user("ada@example.com")
        for times in (1, 2):
            os.kill(postmaster(server), signal.SIGKILL)
            deadline = time.monotonic() + 60
            while server.log().count("the embedded PostgreSQL was restarted in") < times:
                assert time.monotonic() < deadline, server.log()
                time.sleep(0.1)
            until_ready(server, 60)

        with server.client(key) as client:
            assert client.get("/me").json()["email"] == "ada@example.com"
            document = client.post("/documents", json={"filename": "notes.txt", "content": "The comet returns."}).json()
            # The worker has also found the server again.
            assert server.ended(client, document["id"], 60)["status"] == "ready"
        metrics = httpx.get(f"{server.url}/metrics").text
        log, last = server.log(), postmaster(server)

    assert "cabinet_embedded_restarts_total 2.0" in metrics
    assert log.count("the embedded PostgreSQL has ended; restarting it") == 2
    psutil.wait_procs([psutil.Process(last)] if psutil.pid_exists(last) else [], timeout=10)
    assert not psutil.pid_exists(last), "the service stops the server that it has started again"
