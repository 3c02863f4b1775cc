-- documents/put_content :one
-- Replaces the bytes of a document and queues it to be ingested again. The attempt number increases, so
-- that a worker that has the old bytes can no longer change anything. The old chunks stay until the new
-- ones are stored. A file that is only stored is not queued. No row: the document does not exist, or the
-- limit of bytes of the user's plan is reached. The further readings of the document are also queued.
-- $1 user_id      uuid   the tenant
-- $2 document_id  uuid   held by documents/hold
-- $3 file_type    text   a StoredType of svc/ingest/formats.py
-- $4 content      bytea  the bytes as received; empty: file_parts/append stores them in parts next
-- $5 content_hash uuid   the first half of their SHA-256
-- $6 file_size    int8   in bytes
-- $7 charset      text null  the encoding of the bytes that the client declared; null: none
-- returns: as documents/get
-- length: the document, its bytes, its job and the totals change together or not at all
-- index: documents_pkey, ingestion_jobs_pkey, users_pkey, tenant_totals_pkey, document_contents_pkey,
--   file_parts_pkey, usage_days_pkey, documents_readings_idx
with held as materialized (
    select
        d.id,
        d.file_size,
        greatest(d.attempt, coalesce(j.attempt, 0)) + 1 as attempt
    from documents as d
    left join ingestion_jobs as j on j.user_id = $1::uuid and d.id = j.document_id
    where d.user_id = $1::uuid and d.id = $2::uuid
),

allowed as (
    select
        h.id,
        h.file_size,
        h.attempt,
        p.max_bytes
    from held as h
    inner join users as u on u.id = $1::uuid
    inner join plans as p on u.plan = p.name
    left join tenant_totals as t on u.id = t.user_id
    where
        p.max_bytes is null
        or coalesce(t.byte_count, 0) - h.file_size + $6::int8 <= p.max_bytes
),

changed as (
    update documents as d
    set
        file_type = $3::text,
        file_size = $6::int8,
        content_hash = $5::uuid,
        status = case when d.status = 'stored' then 'stored' else 'processing' end,
        error = null,
        progress = 0,
        attempt = a.attempt,
        lease_expires_at = null,
        has_new_content = d.chunk_count > 0,
        replaces = case when d.status = 'ready' then null else d.replaces end,
        updated_at = now()
    from allowed as a
    where d.user_id = $1::uuid and d.id = $2::uuid and d.id = a.id
    returning
        d.id,
        d.filename,
        d.file_type,
        d.file_size,
        d.purpose,
        d.status,
        d.error,
        d.attempt,
        d.lease_expires_at,
        d.progress,
        d.chunk_count,
        d.warnings,
        d.metadata,
        d.expires_at,
        d.created_at,
        d.updated_at
),

readings as materialized (
    select
        r.id,
        greatest(r.attempt, coalesce(j.attempt, 0)) + 1 as attempt
    from changed as c
    inner join documents as r on r.user_id = $1::uuid and c.id = r.file_id
    left join ingestion_jobs as j on j.user_id = $1::uuid and r.id = j.document_id
    order by r.id
    for no key update of r
),

read as (
    update documents as d
    set
        file_type = $3::text,
        file_size = $6::int8,
        content_hash = $5::uuid,
        status = 'processing',
        error = null,
        progress = 0,
        attempt = r.attempt,
        lease_expires_at = null,
        has_new_content = d.chunk_count > 0,
        updated_at = now()
    from readings as r
    where d.user_id = $1::uuid and d.id = r.id
    returning d.id, d.attempt
),

stored as (
    update document_contents as b
    set
        content = $4::bytea,
        charset = $7::text
    from changed as c
    where b.user_id = $1::uuid and b.document_id = c.id
    returning b.document_id
),

without_parts as (
    delete from file_parts as f
    using changed as c
    where f.user_id = $1::uuid and f.document_id = c.id
),

waiting as (
    select
        c.id,
        c.attempt
    from changed as c
    inner join stored as s on c.id = s.document_id
    where c.status = 'processing'
    union all
    select
        r.id,
        r.attempt
    from read as r
),

queued as (
    insert into ingestion_jobs as j (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        w.id as document_id,
        w.attempt
    from waiting as w
    on conflict (user_id, document_id) do update
        set attempt = excluded.attempt, tries = 0, interruptions = 0, due_at = now(), worker = null
    returning pg_notify('cabinet_ingestion', '')
),

counted as (
    insert into tenant_totals as t (user_id, byte_count, byte_limit)
    select
        $1::uuid as user_id,
        0 as byte_count,
        a.max_bytes as byte_limit
    from allowed as a
    where (select count(*) from queued) >= 0
    on conflict (user_id) do update
        set
            byte_count = greatest(
                0, t.byte_count + $6::int8 - (select h.file_size from held as h)
            ),
            byte_limit = excluded.byte_limit
    returning t.user_id
),

noted as (
    insert into usage_days as u (user_id, day, slot, uploads, bytes)
    select
        c.user_id,
        (now() at time zone 'utc')::date as day,
        pg_backend_pid() % 16 as slot,
        1 as uploads,
        $6::int8 as bytes
    from counted as c
    on conflict (user_id, day, slot) do update
        set uploads = u.uploads + excluded.uploads, bytes = u.bytes + excluded.bytes
    returning u.user_id
)

select
    d.id,
    d.filename,
    d.file_type,
    d.file_size,
    d.purpose,
    d.status,
    d.error,
    d.attempt,
    d.lease_expires_at,
    d.progress,
    d.chunk_count,
    d.warnings,
    d.metadata,
    d.expires_at,
    d.created_at,
    d.updated_at
from changed as d
cross join noted;
