-- roles/grant_insert :ddl
-- The tables into which the service inserts.
grant insert on
    api_keys,
    chunk_terms,
    chunk_vectors,
    chunks,
    collection_files,
    collection_readers,
    collections,
    conversation_documents,
    conversations,
    document_contents,
    documents,
    file_batches,
    idempotency_keys,
    ingestion_jobs,
    message_jobs,
    message_terms,
    message_vectors,
    messages,
    plans,
    tenant_totals,
    term_jobs,
    term_samples,
    usage_days,
    usage_flushes,
    users
to :service_role;
