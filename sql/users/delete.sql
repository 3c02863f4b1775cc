-- users/delete :exec
-- Deletes a user and, by cascade, everything that is theirs; the queue has no foreign key, so it is cleared
-- here.
-- $1 user_id uuid  the tenant
-- index: users_pkey, ingestion_jobs_pkey
with unqueued as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid
)

delete from users as u
where u.id = $1::uuid;
