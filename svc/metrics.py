"""The Prometheus metrics of one process, served at `GET /metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

# The _created series would double the number of series, and nothing uses them.
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
connections = Gauge("cabinet_connections", "Open HTTP connections.", registry=REGISTRY)
connections_refused_total = Counter(
    "cabinet_connections_refused",
    "Connections and requests that the server refused or ended before the application answered, by reason.",
    ["reason"],
    registry=REGISTRY,
)
bytes_in_flight = Gauge(
    "cabinet_bytes_in_flight", "Bytes of bodies being received and of answers being written.", registry=REGISTRY
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
    "Statements that took CABINET_SLOW_STATEMENT_MS or longer, by name.",
    ["statement"],
    registry=REGISTRY,
)
pool_connections = Gauge("cabinet_pool_connections", "Connections of the pool, by state.", ["state"], registry=REGISTRY)
generic_pool_connections = Gauge(
    "cabinet_generic_pool_connections",
    "Connections for statements that are planned once, by state.",
    ["state"],
    registry=REGISTRY,
)
pool_wait_seconds = Histogram(
    "cabinet_pool_wait_seconds", "Seconds waited for a free connection.", buckets=_SECONDS, registry=REGISTRY
)
background_failures_total = Counter(
    "cabinet_background_failures",
    "Background loops that died and were restarted, by name.",
    ["loop"],
    registry=REGISTRY,
)
usage_lost_total = Counter(
    "cabinet_usage_lost",
    "Requests and searches that were not counted for their users, because the database was unavailable for too long.",
    registry=REGISTRY,
)
embedded_restarts_total = Counter(
    "cabinet_embedded_restarts", "Restarts of the embedded PostgreSQL after it ended unexpectedly.", registry=REGISTRY
)
embedding_cache_total = Counter(
    "cabinet_embedding_cache",
    "Texts for which a vector was requested: a miss was sent to the provider, a hit was not.",
    ["outcome"],
    registry=REGISTRY,
)
ingested_documents_total = Counter(
    "cabinet_ingested_documents", "Attempts to ingest a document, by outcome.", ["outcome"], registry=REGISTRY
)
ingested_chunks_total = Counter("cabinet_ingested_chunks", "Chunks stored.", registry=REGISTRY)
reused_vectors_total = Counter(
    "cabinet_reused_vectors", "Chunks that reused the stored vector of an identical text.", registry=REGISTRY
)
expired_total = Counter(
    "cabinet_expired", "Expired documents and conversations that were deleted.", ["kind"], registry=REGISTRY
)
embedded_messages_total = Counter("cabinet_embedded_messages", "Messages that were embedded.", registry=REGISTRY)
term_jobs = Gauge(
    "cabinet_term_jobs",
    "Users with texts that have no terms yet, after an upgrade or an import. At most 10,000 are counted.",
    registry=REGISTRY,
)
added_terms_total = Counter(
    "cabinet_added_terms", "Texts without terms to which terms were added, by kind.", ["kind"], registry=REGISTRY
)
term_samples_total = Counter(
    "cabinet_term_samples", "Samples of terms that were taken, by kind of text.", ["kind"], registry=REGISTRY
)
ingestion_seconds = Histogram(
    "cabinet_ingestion_seconds",
    "Seconds of one stage of ingestion.",
    ["stage"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
loop_lag_seconds = Histogram(
    "cabinet_loop_lag_seconds",
    "Seconds by which the event loop was late, measured ten times a second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
embedding_call_seconds = Histogram(
    "cabinet_embedding_call_seconds",
    "Seconds of one call to the embedding endpoint, by outcome: ok, failed (may be retried) or refused.",
    ["outcome"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=REGISTRY,
)
queue_jobs = Gauge(
    "cabinet_queue_jobs", "Jobs in the queue, by queue and by plan of the users.", ["queue", "plan"], registry=REGISTRY
)
queue_overdue_seconds = Gauge(
    "cabinet_queue_overdue_seconds",
    "How long the longest waiting job is overdue, in seconds, by queue and by plan of the users.",
    ["queue", "plan"],
    registry=REGISTRY,
)
expired_leases = Gauge(
    "cabinet_expired_leases",
    "Jobs whose lease has expired and that no worker has taken over, by queue.",
    ["queue"],
    registry=REGISTRY,
)
ingestion_queue = Gauge("cabinet_ingestion_queue", "Jobs in the queue, by state.", ["state"], registry=REGISTRY)
ingestion_overdue_seconds = Gauge(
    "cabinet_ingestion_overdue_seconds",
    "How long the longest waiting job is overdue, in seconds.",
    registry=REGISTRY,
)
message_queue = Gauge(
    "cabinet_message_queue", "Conversations with messages to embed, by state.", ["state"], registry=REGISTRY
)
