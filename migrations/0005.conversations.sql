-- Why: conversations, their messages in order, and the documents that they are about. A message's position is
--   assigned under its conversation's row lock, so two writers never take the same one. Messages are embedded
--   after they were appended, by a worker: a job stands for all messages of one conversation that have no
--   vector yet, so a busy conversation is one row. As with the queue of the documents there is no foreign key
--   into the tenants' tables; a worker that claims a job whose conversation is gone drops the job. The
--   vectors of the messages live in a table of their own (sql/ddl/).
-- Lock: SHARE ROW EXCLUSIVE on users and documents for a moment, for the foreign keys: it waits for writers,
--   readers go on.
-- On 10M rows: milliseconds; its tables are new.
-- Serves: conversations/*, messages/*, message_jobs/*, message_search/*, users/delete, users/erase_documents,
--   ingest/complete, ingest/replace, server/health, server/queues, doctor/*
-- Rollback loses: the conversations and their messages.
-- depends: 0004.documents
create table conversations (
    user_id uuid not null constraint conversations_user_id_fkey references users (id) on delete cascade,
    id uuid not null default uuidv7(),
    title text constraint conversations_title_length check (char_length(title) <= 255),
    metadata jsonb not null default '{}' constraint conversations_metadata_object check (
        jsonb_typeof(metadata) = 'object'
    ),
    message_count bigint not null default 0,
    expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint conversations_pkey primary key (user_id, id)
) with (fillfactor = 85);

-- A worker looks across all tenants for what has expired. Only rows that expire are in it.
create index conversations_expires_idx on conversations (expires_at)
where expires_at is not null;

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

-- The context of a conversation always has its system messages, wherever they stand.
create index messages_system_idx on messages (user_id, conversation_id, position)
where role = 'system';

create table message_jobs (
    user_id uuid not null,
    conversation_id uuid not null,
    tries integer not null default 0,
    due_at timestamptz not null default now(),
    lease uuid,
    worker text,
    created_at timestamptz not null default now(),
    constraint message_jobs_pkey primary key (user_id, conversation_id)
) with (fillfactor = 70);

create index message_jobs_due_idx on message_jobs (due_at);

create index message_jobs_user_due_idx on message_jobs (user_id, due_at) where due_at > '-infinity';

comment on index message_jobs_user_due_idx is
'Leaves no job out. Its condition keeps it to the claim, which repeats it: statements about one job use the '
'primary key, also where the planner does not know yet that a user has thousands of jobs.';

comment on column message_jobs.due_at is
'When the job may be claimed: at once when new, at the end of the lease while a worker holds it, '
'after a delay when an attempt failed.';
comment on column message_jobs.lease is
'A random token of each claim, which a worker must show to change the job. A number would not do: a job ends '
'with its work, and the next one of the conversation would count from the beginning.';
