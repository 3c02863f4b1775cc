-- roles/grant_delete :ddl
-- The tables from which the service deletes. Foreign keys cascade with the rights of the tables' owner.
grant delete on
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
    tenant_totals,
    term_jobs,
    term_samples,
    term_stats,
    usage_days,
    usage_flushes,
    users
to :service_role;
