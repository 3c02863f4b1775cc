-- roles/grant_delete :ddl
-- Where the service takes rows away. A foreign key takes those that hang on them, as the tables' owner.
grant delete on
    api_keys,
    chunk_vectors,
    chunks,
    conversation_documents,
    conversations,
    document_contents,
    documents,
    idempotency_keys,
    ingestion_jobs,
    message_jobs,
    message_vectors,
    messages,
    tenant_totals,
    usage_days,
    users
to :service_role;
