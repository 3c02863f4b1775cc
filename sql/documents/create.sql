-- documents/create :one
-- Stores an upload: the document, its bytes unless file_parts/append has stored them, its job, the
-- notification of the workers, the user's totals and daily usage, in one transaction. The first check avoids
-- work if a limit of the user's plan is already reached; the CHECK constraints of tenant_totals decide
-- between concurrent uploads. The totals are updated last, because all uploads of a user share that row. A
-- document that replaces others is split as the newest of them. No row: a limit is reached, or the user does
-- not exist.
-- $1 user_id      uuid              the tenant
-- $2 filename     text
-- $3 file_type    text              a StoredType of svc/ingest/formats.py
-- $4 metadata     jsonb
-- $5 content      bytea null        the bytes as received; null: they are stored in parts
-- $6 content_hash uuid              the first half of their SHA-256
-- $7 replaces     text optional     earlier documents of this name are replaced; null: none
-- $8 expires_at   timestamptz null  when it is deleted; null: after expires_after_s, if given, else never
-- $9 purpose      text optional     why it is stored; null: to be searched
-- $10 is_read     bool              whether to ingest it now; otherwise it is only stored
-- $11 document_id uuid optional     of file_parts/begin; null: a new one, whose bytes are `content`
-- $12 file_size   int8              in bytes
-- $13 charset     text optional     the encoding of the bytes that the client declared; null: none
-- $14 expires_after_s int optional  seconds from its creation to its deletion; null: as expires_at says
-- returns: as documents/get
-- index: users_pkey, tenant_totals_pkey, usage_days_pkey, documents_user_filename_idx
-- length: the document, its bytes, its job and the totals are stored together or not at all
with allowed as (
    select
        p.max_documents,
        p.max_bytes
    from users as u
    inner join plans as p on u.plan = p.name
    left join tenant_totals as t on u.id = t.user_id
    where
        u.id = $1::uuid
        and (p.max_documents is null or coalesce(t.document_count, 0) < p.max_documents)
        and (p.max_bytes is null or coalesce(t.byte_count, 0) + $12::int8 <= p.max_bytes)
),

created as (
    insert into documents as d (
        user_id, id, filename, file_type, file_size, purpose, status, metadata, content_hash, replaces,
        chunk_sizes, expires_at
    )
    select
        $1::uuid as user_id,
        coalesce($11::uuid, uuidv7()) as id,
        $2::text as filename,
        $3::text as file_type,
        $12::int8 as file_size,
        $9::text as purpose,
        case when $10::bool then 'processing' else 'stored' end as status,
        $4::jsonb as metadata,
        $6::uuid as content_hash,
        $7::text as replaces,
        case
            when $7::text is not null and $3::text <> 'chunks' then (
                select o.chunk_sizes
                from documents as o
                where o.user_id = $1::uuid and o.filename = $7::text and o.file_id is null
                order by o.id desc
                limit 1
            )
        end as chunk_sizes,
        coalesce($8::timestamptz, now() + $14::int * interval '1 second') as expires_at
    from allowed
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

stored as (
    insert into document_contents as b (user_id, document_id, content, charset)
    select
        $1::uuid as user_id,
        c.id as document_id,
        $5::bytea as content,
        $13::text as charset
    from created as c
    where $11::uuid is null
    returning b.document_id
),

queued as (
    insert into ingestion_jobs (user_id, document_id)
    select
        $1::uuid as user_id,
        c.id as document_id
    from created as c
    where $10::bool and (select count(*) from stored) >= 0
    returning pg_notify('cabinet_ingestion', '')
),

counted as (
    insert into tenant_totals as t (
        user_id, chunk_count, document_count, byte_count, document_limit, byte_limit
    )
    select
        $1::uuid as user_id,
        0 as chunk_count,
        1 as document_count,
        $12::int8 as byte_count,
        a.max_documents as document_limit,
        a.max_bytes as byte_limit
    from allowed as a
    where (select count(*) from queued) >= 0
    on conflict (user_id) do update
        set
            document_count = t.document_count + excluded.document_count,
            byte_count = t.byte_count + excluded.byte_count,
            document_limit = excluded.document_limit,
            byte_limit = excluded.byte_limit
    returning t.user_id
),

noted as (
    insert into usage_days as u (user_id, day, slot, uploads, bytes)
    select
        $1::uuid as user_id,
        (now() at time zone 'utc')::date as day,
        pg_backend_pid() % 16 as slot,
        1 as uploads,
        $12::int8 as bytes
    from counted
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
from created as d
cross join noted;
