-- roles/grant_update :ddl
-- The tables whose rows the service updates or locks.
grant update on
    api_keys,
    collection_files,
    collection_readers,
    collections,
    conversations,
    document_contents,
    documents,
    file_batches,
    idempotency_keys,
    ingestion_jobs,
    message_jobs,
    messages,
    plans,
    tenant_totals,
    term_jobs,
    term_samples,
    uploads,
    usage_days,
    usage_flushes,
    users
to :service_role;
