-- Why: messages are embedded after they were appended, by a worker. A job stands for all messages of one
--   conversation that have no vector yet, so a conversation that is written to all the time is one row. As
--   with the queue of the documents there is no foreign key into the tenants' tables; a job whose
--   conversation is gone is dropped by the worker that claims it. The table of the vectors is made from
--   sql/ddl/.
-- Lock: none on any existing table.
-- On 10M rows: milliseconds; its table is new.
-- Serves: message_jobs/*, messages/append, conversations/delete, users/delete, server/health,
--   doctor/*
-- Rollback loses: which messages wait to be embedded, and every vector of a message.
-- depends: 0007.messages_system_idx
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

comment on column message_jobs.due_at is
'When the job may be claimed: at once when new, at the end of the lease while a worker holds it, '
'after a delay when an attempt failed.';
comment on column message_jobs.lease is
'Made up anew by each claim: the token that a worker must show to change the job. A number would not do: '
'a job ends with its work, and the next one of the conversation would count from the beginning.';
