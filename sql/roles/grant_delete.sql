-- roles/grant_delete :ddl
-- Where the service takes rows away. A foreign key takes those that hang on them, as the tables' owner.
grant delete on
    conversation_documents,
    conversations,
    documents,
    idempotency_keys,
    ingestion_jobs,
    message_jobs,
    users
to :service_role;
