-- doctor/documents_without_job :many
-- Documents in status processing that have no job in the queue, for `cabinet doctor`: no worker will ever
-- claim them. One index lookup for each user, about 5 µs.
-- $1 max_rows int  1..1000
-- tenant: none, the administrator examines the documents of all tenants; it reads no contents
-- returns: user_id uuid, document_id uuid, processing_s float8, fix text
-- index: documents_user_status_idx, ingestion_jobs_pkey, users_pkey
select
    d.user_id,
    d.id as document_id,
    extract(epoch from now() - d.updated_at)::float8 as processing_s,
    format(
        'insert into ingestion_jobs (user_id, document_id, attempt) values (%L, %L, %s) '
        'on conflict do nothing;',
        d.user_id, d.id, d.attempt
    ) as fix
from users as u
inner join documents as d on u.id = d.user_id
where
    d.status = 'processing'
    and not exists (
        select j.document_id
        from ingestion_jobs as j
        where j.user_id = d.user_id and j.document_id = d.id
    )
order by d.user_id, d.id
limit $1::int;
