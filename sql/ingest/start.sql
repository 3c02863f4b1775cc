-- ingest/start :one
-- Records the attempt on the document and returns its bytes to the worker (none if they are stored in
-- parts; see documents/content), with the user's totals and limits, so that texts that could not be stored
-- are not embedded. The old chunks of a document that is ingested again do not count, since the new ones
-- replace them. No row: the document does not exist, is no longer processing or has a later attempt, so
-- that the job is obsolete; or another session has locked the document, for which a worker does not wait.
-- ingest/drop distinguishes the two cases. `content_id` is the document whose bytes they are.
-- $1 user_id     uuid    the tenant
-- $2 document_id uuid
-- $3 attempt     int     of the claim
-- $4 lease_s     float8
-- returns: filename text, file_type text, file_size int8, content bytea, charset text null,
--   chunk_sizes jsonb null, chunks_used int8, chunks_allowed int8 null, tokens_used int8,
--   tokens_allowed int8 null, content_id uuid
-- index: documents_pkey, document_contents_pkey, users_pkey, tenant_totals_pkey
with held as materialized (
    select
        d.id,
        coalesce(d.file_id, d.id) as content_id
    from documents as d
    where d.user_id = $1::uuid and d.id = $2::uuid and d.status = 'processing' and d.attempt < $3::int
    for no key update skip locked
)

update documents as d
set
    attempt = $3::int,
    lease_expires_at = now() + make_interval(secs => $4::float8),
    progress = 0,
    error = null,
    updated_at = now()
from held as h
cross join document_contents as b
inner join users as u on b.user_id = u.id
inner join plans as p on u.plan = p.name
left join tenant_totals as t on u.id = t.user_id
where
    d.user_id = $1::uuid
    and d.id = $2::uuid
    and b.user_id = $1::uuid
    and b.document_id = h.content_id
returning
    d.filename,
    d.file_type,
    d.file_size,
    b.content,
    b.charset,
    d.chunk_sizes,
    coalesce(t.chunk_count, 0) - d.chunk_count as chunks_used,
    p.max_chunks as chunks_allowed,
    case
        when t.token_month = date_trunc('month', now() at time zone 'utc')::date then t.token_count else 0
    end as tokens_used,
    p.tokens_per_month as tokens_allowed,
    h.content_id;
