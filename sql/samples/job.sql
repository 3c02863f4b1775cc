-- samples/job :one
-- A job in the ingestion queue and its attempt, for examples.
-- $1 user_id uuid  the tenant
-- returns: document_id text, attempt text
-- index: ingestion_jobs_pkey
select
    j.document_id::text as document_id,
    j.attempt::text as attempt
from ingestion_jobs as j
where j.user_id = $1::uuid
order by j.document_id
limit 1;
