"""`cabinet worker --metrics-port`: metrics and health of a worker in a separate process."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests.server_process import CABINET, ServerProcess, clean_environment

LISTENS = re.compile(r"Metrics on (http://\S+)/metrics")


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess({"CABINET_WORKER_CONCURRENCY": "0"}) as running:
        yield running


def test_a_worker_serves_its_metrics_and_its_health(server: ServerProcess) -> None:
    worker = subprocess.Popen(
        [*CABINET, "worker", "--metrics-port", "0"],
        env=clean_environment(CABINET_DATA_DIR=str(server.folder / "data")),
        cwd=server.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert worker.stdout is not None
        url = next(match[1] for line in worker.stdout if (match := LISTENS.search(line)))
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert (client.get("/health/live").status_code, client.get("/health/live").text) == (200, "alive\n")
            assert (client.get("/health/ready").status_code, client.get("/health/ready").text) == (200, "ready\n")
            user = server.client(server.user("ada@example.com"))
            document = user.post("/documents", json={"filename": "a.txt", "content": "A text."}).json()
            assert server.ended(user, document["id"], 60)["status"] == "ready"
            found = client.get("/metrics")
            assert found.headers["content-type"].startswith("text/plain")
            assert 'cabinet_ingested_documents_total{outcome="ready"} 1.0' in found.text
            for name in ("cabinet_loop_lag_seconds_count", "cabinet_pool_connections", "cabinet_expired_leases"):
                assert name in found.text
            assert client.get("/documents").status_code == 404
            assert client.post("/metrics").status_code == 405
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    finally:
        worker.kill()
        worker.wait()
        if worker.stdout is not None:
            worker.stdout.close()


def test_a_port_that_is_taken_is_named_by_its_setting(server: ServerProcess) -> None:
    done = subprocess.run(
        [*CABINET, "worker"],
        env=clean_environment(
            CABINET_DATA_DIR=str(server.folder / "data"), CABINET_METRICS_PORT=server.url.rpartition(":")[2]
        ),
        cwd=server.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Choose another CABINET_METRICS_PORT" in done.stderr
