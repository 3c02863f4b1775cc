"""The Prometheus metrics of one process. Served at `GET /metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

# Twice the series for a moment that nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

requests_total = Counter(
    "cabinet_requests", "HTTP requests answered.", ["method", "route", "status"], registry=REGISTRY
)
request_seconds = Histogram(
    "cabinet_request_seconds",
    "Seconds from request to response.",
    ["method", "route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
statement_seconds = Histogram(
    "cabinet_statement_seconds",
    "Seconds of a statement, by its name.",
    ["statement"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
statement_errors_total = Counter(
    "cabinet_statement_errors",
    "Statements that failed, by name and SQLSTATE.",
    ["statement", "code"],
    registry=REGISTRY,
)
slow_statements_total = Counter(
    "cabinet_slow_statements",
    "Statements that took longer than CABINET_SLOW_STATEMENT_MS, by name.",
    ["statement"],
    registry=REGISTRY,
)
pool_connections = Gauge("cabinet_pool_connections", "Connections of the pool, by state.", ["state"], registry=REGISTRY)
pool_wait_seconds = Histogram(
    "cabinet_pool_wait_seconds", "Seconds waited for a free connection.", buckets=_SECONDS, registry=REGISTRY
)
background_failures_total = Counter(
    "cabinet_background_failures",
    "Background loops that died and were restarted, by name.",
    ["loop"],
    registry=REGISTRY,
)
embedded_restarts_total = Counter(
    "cabinet_embedded_restarts", "Times the embedded PostgreSQL ended and was started again.", registry=REGISTRY
)
embedding_cache_total = Counter(
    "cabinet_embedding_cache",
    "Texts for which a vector was wanted: a hit cost no call of the provider.",
    ["outcome"],
    registry=REGISTRY,
)
ingested_documents_total = Counter(
    "cabinet_ingested_documents", "Attempts at a document, by how they ended.", ["outcome"], registry=REGISTRY
)
ingested_chunks_total = Counter("cabinet_ingested_chunks", "Chunks stored.", registry=REGISTRY)
reused_vectors_total = Counter(
    "cabinet_reused_vectors", "Chunks that took the stored vector of an equal text.", registry=REGISTRY
)
expired_total = Counter(
    "cabinet_expired", "Documents and conversations deleted because their time was over.", ["kind"], registry=REGISTRY
)
embedded_messages_total = Counter("cabinet_embedded_messages", "Messages that got their vectors.", registry=REGISTRY)
ingestion_seconds = Histogram(
    "cabinet_ingestion_seconds",
    "Seconds of one stage of an ingestion.",
    ["stage"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
ingestion_queue = Gauge("cabinet_ingestion_queue", "Jobs in the queue, by state.", ["state"], registry=REGISTRY)
ingestion_overdue_seconds = Gauge(
    "cabinet_ingestion_overdue_seconds",
    "How long the job that waits the longest is overdue.",
    registry=REGISTRY,
)
message_queue = Gauge(
    "cabinet_message_queue", "Conversations with messages that wait to be embedded.", ["state"], registry=REGISTRY
)
