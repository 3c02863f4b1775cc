"""Traces: a span for each request and each statement, sent to a collector, and nothing without the setting."""

from __future__ import annotations

import gzip
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from svc.cli.tracing import tracing
from tests.conftest import test_settings
from tests.server_process import ServerProcess


class Collector:
    """An OpenTelemetry collector over HTTP. `spans` are (service, name, attributes, events)."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, dict[str, str], int]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.receive(body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def receive(self, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # type: ignore[import-untyped,import-not-found,unused-ignore]
            ExportTraceServiceRequest,
        )

        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    attributes = {one.key: str(one.value) for one in span.attributes}
                    self.spans.append((service, span.name, attributes, len(span.events)))

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.close()


def test_requests_and_statements_have_spans(collector: Collector) -> None:
    pytest.importorskip("opentelemetry.instrumentation.asyncpg")
    variables = {
        "CABINET_TRACES": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200",
        "CABINET_WORKER_CONCURRENCY": "0", "CABINET_KEY_CACHE_S": "0",
    }  # fmt: skip
    with ServerProcess(variables) as server:
        client = server.client(server.user("ada-who-is-secret@example.com"))
        assert client.get("/me").status_code == 200
        server.user("grace@example.com")
        with pytest.raises(Exception, match="409"):
            server.user("grace@example.com")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and "keys/authenticate" not in {one[1] for one in collector.spans}:
            time.sleep(0.1)
    names = {name for _, name, _, _ in collector.spans}
    assert {service for service, *_ in collector.spans} == {"cabinet-server"}
    assert {"users/create", "keys/authenticate"} <= names
    assert any("GET" in name for name in names)
    # Neither values nor error messages.
    assert "secret" not in str(collector.spans)
    assert "grace@" not in str(collector.spans)
    assert all(events == 0 for *_, events in collector.spans)


def test_a_server_without_the_setting_imports_nothing() -> None:
    with tracing(test_settings(), "server") as traces:
        assert traces is None


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SystemExit), tracing(test_settings(traces=True), "server"):
        pass
    assert "pip install 'cabinet-svc[otel]'" in capsys.readouterr().err
