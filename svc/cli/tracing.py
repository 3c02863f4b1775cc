"""Traces with OpenTelemetry, if turned on: a span for each request, and one for each statement in it.

The packages are an optional extra and are imported only then. Their instrumentation of ASGI and asyncpg makes the
spans; this module connects it. The spans contain the paths of requests and the text of statements, but no values.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp

from svc import __version__
from svc.cli.failing import fail
from svc.errors import StartupError
from svc.settings.process import ProcessSettings

logger = logging.getLogger(__name__)

_FLUSH_S = 1.0
"""The maximum number of seconds for sending the last spans at the end."""


class Tracing:
    """The traces of one process, which go to the collector that the variables `OTEL_EXPORTER_OTLP_…` name."""

    def __init__(self, command: str) -> None:
        """Start tracing the statements of this process.

        Raises:
            StartupError: the packages of the extra are missing.
        """
        try:
            trace = importlib.import_module("opentelemetry.sdk.trace")
            export = importlib.import_module("opentelemetry.sdk.trace.export")
            resources = importlib.import_module("opentelemetry.sdk.resources")
            otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            asyncpg = importlib.import_module("opentelemetry.instrumentation.asyncpg")
            self._asgi = importlib.import_module("opentelemetry.instrumentation.asgi")
        except ImportError as error:
            raise StartupError(
                "CABINET_TRACES is on, but its packages are missing: pip install 'cabinet-svc[otel]'"
            ) from error
        name = {"service.name": f"cabinet-{command}", "service.version": __version__}
        self._provider = trace.TracerProvider(
            # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME take precedence.
            resource=resources.Resource(name).merge(resources.OTELResourceDetector().detect()),
            # No events: they would contain the messages of exceptions, and so values of tenants.
            span_limits=trace.SpanLimits(max_events=0),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(_named_for_statements(trace.SpanProcessor))
        self._provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
        asyncpg.AsyncPGInstrumentor(capture_parameters=False).instrument(tracer_provider=self._provider)
        logger.info("traces are sent by OpenTelemetry")

    def wrap(self, application: ASGIApp) -> ASGIApp:
        """Returns the application with a span for each request."""
        wrapped: ASGIApp = self._asgi.OpenTelemetryMiddleware(
            application, tracer_provider=self._provider, exclude_spans=["receive", "send"]
        )
        return wrapped

    def stop(self) -> None:
        """Send the last spans, within a second."""
        flushing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        flushing.start()
        flushing.join(_FLUSH_S)


@contextmanager
def tracing(settings: ProcessSettings, command: str) -> Iterator[Tracing | None]:
    """Trace the block, if tracing is turned on.

    Raises:
        StartupError: the packages of the extra are missing.
    """
    if not settings.traces:
        yield None
        return
    try:
        traces = Tracing(command)
    except StartupError as error:
        fail(error)
    try:
        yield traces
    finally:
        traces.stop()


def _named_for_statements(base: type[Any]) -> Any:
    class StatementNames(base):  # type: ignore[misc]
        """Names a span after its statement, such as `users/get`; the library would use the first word of its text,
        `--`."""

        def on_start(self, span: Any, parent_context: Any = None) -> None:
            """Rename a span before it is exported."""
            text = str((span.attributes or {}).get("db.statement", ""))
            if text.startswith("-- "):
                span.update_name(text[3:].split(None, 1)[0])

    return StatementNames()
