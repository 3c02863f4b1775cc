-- users/delete :exec
-- Deletes a user and, by cascade, everything that is theirs. The documents go first, then their jobs (the
-- queue has no foreign key), then the user: in this order a worker that stores a document takes its locks.
-- The counts are never negative; they make each step wait for the one before.
-- $1 user_id uuid  the tenant
-- index: documents_pkey, ingestion_jobs_pkey, users_pkey
with removed as (
    delete from documents as d
    where d.user_id = $1::uuid
    returning d.id
),

unqueued as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and (select count(*) from removed) >= 0
    returning j.document_id
)

delete from users as u
where u.id = $1::uuid and (select count(*) from unqueued) >= 0;
