-- Why: what was said, in order, and which chunks an answer stands on. A message's position is given out under
--   its conversation's row lock, so two writers never take the same one.
-- Lock: SHARE ROW EXCLUSIVE on users and documents for a moment, for the foreign keys: it waits for writers,
--   readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: conversations/*, messages/*, message_jobs/*, message_search/*, users/delete, users/erase_documents,
--   ingest/replace
-- Rollback loses: the conversations and their messages.
-- depends: 0004.chunks
create table conversations (
    user_id uuid not null constraint conversations_user_id_fkey references users (id) on delete cascade,
    id uuid not null default uuidv7(),
    title text constraint conversations_title_length check (char_length(title) <= 255),
    metadata jsonb not null default '{}' constraint conversations_metadata_object check (
        jsonb_typeof(metadata) = 'object'
    ),
    message_count bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint conversations_pkey primary key (user_id, id)
) with (fillfactor = 85);

create table conversation_documents (
    user_id uuid not null,
    conversation_id uuid not null,
    document_id uuid not null,
    constraint conversation_documents_pkey primary key (user_id, conversation_id, document_id),
    constraint conversation_documents_conversation_fkey foreign key (user_id, conversation_id)
    references conversations (user_id, id) on delete cascade,
    constraint conversation_documents_document_fkey foreign key (user_id, document_id)
    references documents (user_id, id) on delete cascade
);

create index conversation_documents_document_idx on conversation_documents (user_id, document_id);

create table messages (
    user_id uuid not null,
    conversation_id uuid not null,
    position bigint not null,
    id uuid not null default uuidv7(),
    role text not null constraint messages_role_known check (role in ('user', 'assistant', 'system', 'tool')),
    content text not null,
    sources jsonb not null default '[]' constraint messages_sources_array check (
        jsonb_typeof(sources) = 'array'
    ),
    token_count integer not null constraint messages_tokens_positive check (token_count >= 0),
    created_at timestamptz not null default now(),
    constraint messages_pkey primary key (user_id, conversation_id, position),
    constraint messages_conversation_fkey foreign key (user_id, conversation_id)
    references conversations (user_id, id) on delete cascade
);
