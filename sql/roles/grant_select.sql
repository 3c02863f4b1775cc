-- roles/grant_select :ddl
-- The tables that the service reads: every table that one of its statements names.
grant select on
    api_keys,
    chunk_terms,
    chunk_vectors,
    chunks,
    conversation_documents,
    conversations,
    document_contents,
    documents,
    embedding_model,
    idempotency_keys,
    ingestion_jobs,
    message_jobs,
    message_terms,
    message_vectors,
    messages,
    plans,
    schema_migrations,
    tenant_totals,
    term_jobs,
    term_samples,
    term_stats,
    usage_days,
    usage_flushes,
    users
to :service_role;
