-- ingest/finish :exec
-- Last statement of the transaction that stores a document: its job is done, and the tenant has grown. Last,
-- because all of a tenant's documents share the row of the count.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 chunk_count int
-- index: ingestion_jobs_pkey, vector_counts_pkey
with finished as (
    delete from ingestion_jobs as j
    where j.user_id = $1::uuid and j.document_id = $2::uuid
)

insert into vector_counts as v (user_id, row_count)
values ($1::uuid, $3::int)
on conflict (user_id) do update
    set row_count = v.row_count + excluded.row_count;
