-- users/delete :exec
-- Deletes a user and, by cascade, everything that is theirs. The documents go first, then their jobs (a queue
-- has no foreign key), then conversations and theirs, then the user: in this order a worker takes its locks.
-- The counts are never negative; they make each step wait for the one before.
-- $1 user_id uuid  the tenant
-- index: documents_pkey, ingestion_jobs_pkey, conversations_pkey, message_jobs_pkey, users_pkey
with removed as (
    delete from documents as d
    where d.user_id = $1::uuid
    returning d.id
),

unqueued as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and (select count(*) from removed) >= 0
    returning j.document_id
),

removed_conversations as (
    delete from conversations as c
    where c.user_id = $1::uuid and (select count(*) from unqueued) >= 0
    returning c.id
),

unqueued_messages as (
    delete from message_jobs as j
    where j.user_id = $1::uuid and (select count(*) from removed_conversations) >= 0
    returning j.conversation_id
)

delete from users as u
where u.id = $1::uuid and (select count(*) from unqueued_messages) >= 0;
