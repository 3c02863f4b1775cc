-- collection_files/add :many
-- Adds documents to a collection, all or none, and returns them in the given order. A document that is
-- there already gets the attributes, if they are given; one whose file was only stored is queued to be
-- read, and so is one that is to have other chunk_sizes, as in documents/rechunk. If it is being read, the
-- attempt rises, so that the worker changes nothing more: by two, since a claim can raise it by one
-- meanwhile. Where another collection has the document with chunks of other sizes, the file gets a further
-- reading with those asked for, or the one that it has; chunk_sizes null stands for those of the service
-- then, and chunks as they are suit where it is absent. A reading that no collection has any more is
-- erased (documents/hold_expired). The collection is locked first, so that two requests never wait for
-- each other's files, then the documents. No row: the collection does not exist or has expired, or one of
-- the documents does not exist or may not be added, or cannot get other chunk_sizes
-- (collection_files/list_split), or a reading was erased just now. A document that leaves the collection
-- at the same time is not added again, and not returned. The use is noted as in collections/touch.
-- $1 user_id       uuid           the tenant
-- $2 collection_id uuid
-- $3 batch_id      uuid null      null: none
-- $4 files         jsonb          [{"document_id": …, "attributes": {…}, "chunk_sizes": …}, …], each once
-- $5 max_rows      int            the number of files
-- $6 only_present  bool optional  whether only documents that are in it already may be added again
-- $7 max_readings  int optional   of one file, after collection_files/hold; null: none is made
-- returns: as collection_files/get
-- index: collections_pkey, documents_pkey, ingestion_jobs_pkey, collection_files_pkey,
--   collection_files_document_idx, documents_readings_idx
-- length: the collection, its files, their readings and the jobs of those that are read now change together,
--   or nothing does. Each part decides from the rows that the parts before it have locked; as statements in
--   a transaction, they would take about ten round trips instead of one, while the collection is locked
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid and has_not_expired(c)
    for no key update
),

touched as (
    update collections as c
    set last_active_at = now(), expires_at = now() + c.expires_after_s * interval '1 second'
    from held as h
    where
        c.user_id = $1::uuid
        and c.id = $2::uuid
        and c.id = h.id
        and c.last_active_at < now() - least(interval '1 second', c.expires_after_s * interval '0.1 second')
),

wanted as materialized (
    select
        (w.file ->> 'document_id')::uuid as file_id,
        coalesce(w.file -> 'attributes', '{}') as attributes,
        w.file ? 'attributes' as is_described,
        nullif(w.file -> 'chunk_sizes', 'null') as chunk_sizes,
        w.file ? 'chunk_sizes' as is_chunked,
        w.place
    from jsonb_array_elements($4::jsonb) with ordinality as w (file, place)
),

there as materialized (
    select
        d.id,
        d.filename,
        d.file_type,
        d.file_size,
        d.content_hash,
        d.purpose,
        d.metadata,
        d.chunk_sizes,
        d.created_at,
        j.attempt
    from documents as d
    left join ingestion_jobs as j on j.user_id = $1::uuid and d.id = j.document_id
    where
        d.user_id = $1::uuid
        and d.id in (select w.file_id from wanted as w)
        and d.file_id is null
        and (select count(*) from held) > 0
        and (
            coalesce($6::bool, false) is false
            or d.id in (
                select p.file_id
                from collection_files as p
                where
                    p.user_id = $1::uuid
                    and p.collection_id = $2::uuid
                    and p.file_id in (select n.file_id from wanted as n)
                    and p.document_id is not null
            )
        )
        and (
            d.file_type <> 'chunks'
            or not exists (
                select 1
                from wanted as w
                where w.file_id = d.id and w.chunk_sizes <> coalesce(d.chunk_sizes, 'null')
            )
        )
    order by d.id
    for no key update of d
),

compared as materialized (
    select
        t.id as file_id,
        w.chunk_sizes,
        p.document_id as present_id,
        r.id as equal_id,
        case
            when w.chunk_sizes is not null then w.chunk_sizes <> coalesce(t.chunk_sizes, 'null')
            else w.is_chunked and t.chunk_sizes is not null
        end as is_other,
        exists(
            select 1
            from collection_files as o
            where
                o.user_id = $1::uuid
                and o.document_id = t.id
                and o.collection_id <> $2::uuid
                and not o.is_cancelled
        ) as is_shared,
        (
            select count(*)
            from documents as e
            where e.user_id = $1::uuid and e.file_id = t.id and e.expires_at is null
        ) as readings
    from there as t
    inner join wanted as w on t.id = w.file_id
    left join collection_files as p
        on p.user_id = $1::uuid and p.collection_id = $2::uuid and t.id = p.file_id
    left join documents as r
        on r.user_id = $1::uuid and t.id = r.file_id and w.chunk_sizes is not distinct from r.chunk_sizes
),

chosen as materialized (
    select
        c.file_id,
        c.chunk_sizes,
        c.present_id,
        c.readings,
        case
            when c.chunk_sizes is null and c.present_id is not null then c.present_id
            when c.is_other and (c.is_shared or (c.chunk_sizes is not null and c.equal_id is not null))
                then c.equal_id
            else c.file_id
        end as document_id
    from compared as c
),

held_readings as materialized (
    select
        d.id,
        d.status
    from documents as d
    where
        d.user_id = $1::uuid
        and d.id in (
            select c.document_id
            from chosen as c
            where c.document_id <> c.file_id
        )
    order by d.id
    for no key update
),

agreed as materialized (
    select c.file_id
    from chosen as c
    left join held_readings as h on c.document_id = h.id
    where
        c.document_id = c.file_id
        or h.id is not null
        or (c.document_id is null and c.readings < $7::int)
),

settled as materialized (
    select
        c.file_id,
        c.document_id,
        c.chunk_sizes,
        c.present_id
    from chosen as c
    where (select count(*) from agreed) = (select count(*) from wanted)
),

made as (
    insert into documents as d (
        user_id, file_id, filename, file_type, file_size, content_hash, purpose, metadata, chunk_sizes,
        created_at
    )
    select
        $1::uuid as user_id,
        t.id as file_id,
        t.filename,
        t.file_type,
        t.file_size,
        t.content_hash,
        t.purpose,
        t.metadata,
        s.chunk_sizes,
        t.created_at
    from settled as s
    inner join there as t on s.file_id = t.id
    where s.document_id is null
    returning d.id, d.file_id, d.chunk_sizes
),

hidden as (
    insert into document_contents (user_id, document_id, content, removed_at)
    select
        $1::uuid as user_id,
        m.id as document_id,
        '' as content,
        'infinity' as removed_at
    from made as m
),

kept as (
    update documents as d
    set
        expires_at = null,
        status = case when d.status in ('error', 'stored') then 'processing' else d.status end,
        error = case when d.status in ('error', 'stored') then null else d.error end,
        progress = case when d.status in ('error', 'stored') then 0 else d.progress end
    from settled as s
    inner join held_readings as h on s.document_id = h.id
    where d.user_id = $1::uuid and d.id = h.id
    returning d.id, d.attempt, d.chunk_sizes, h.status in ('error', 'stored') as is_unread
),

released as (
    update documents as d
    set expires_at = now()
    from settled as s
    where
        d.user_id = $1::uuid
        and d.id = s.present_id
        and d.id is distinct from s.document_id
        and d.file_id is not null
),

read as (
    update documents as d
    set
        status = 'processing',
        error = null,
        progress = 0,
        attempt = case
            when d.status = 'processing' then greatest(d.attempt, t.attempt) + 2
            else d.attempt
        end,
        replaces = case when d.status = 'ready' then null else d.replaces end,
        chunk_sizes = coalesce(s.chunk_sizes, d.chunk_sizes),
        updated_at = now()
    from there as t
    inner join settled as s on t.id = s.file_id and t.id = s.document_id
    where
        d.user_id = $1::uuid
        and d.id = t.id
        and (
            d.status = 'stored'
            or s.chunk_sizes <> coalesce(d.chunk_sizes, 'null')
        )
    returning d.id, d.attempt, d.chunk_sizes
),

waiting as (
    select
        r.id,
        r.attempt,
        r.chunk_sizes
    from read as r
    union all
    select
        m.id,
        0 as attempt,
        m.chunk_sizes
    from made as m
    union all
    select
        k.id,
        k.attempt,
        k.chunk_sizes
    from kept as k
    where k.is_unread
),

queued as (
    insert into ingestion_jobs as j (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        w.id as document_id,
        w.attempt
    from waiting as w
    order by w.id
    on conflict (user_id, document_id) do update
        set
            attempt = greatest(j.attempt, excluded.attempt),
            tries = 0,
            interruptions = 0,
            due_at = now(),
            worker = null
    returning j.document_id, pg_notify('cabinet_ingestion', '')
),

added as (
    insert into collection_files as f (user_id, collection_id, file_id, document_id, batch_id, attributes)
    select
        $1::uuid as user_id,
        h.id as collection_id,
        s.file_id,
        coalesce(s.document_id, m.id) as document_id,
        $3::uuid as batch_id,
        w.attributes
    from held as h
    cross join settled as s
    inner join wanted as w on s.file_id = w.file_id
    left join made as m on s.file_id = m.file_id
    where (select count(*) from queued) >= 0
    order by w.place
    on conflict (user_id, collection_id, file_id) do update
        set
            document_id = excluded.document_id,
            batch_id = coalesce(excluded.batch_id, f.batch_id),
            attributes = case
                when f.document_id is null then excluded.attributes
                when excluded.file_id in (
                    select d.file_id
                    from wanted as d
                    where d.is_described
                ) then excluded.attributes
                else f.attributes
            end,
            is_cancelled = false,
            left_at = null,
            seq = case when f.document_id is null then excluded.seq else f.seq end,
            created_at = case when f.document_id is null then excluded.created_at else f.created_at end,
            updated_at = excluded.updated_at
        where coalesce($6::bool, false) is false or f.document_id is not null
    returning
        f.file_id, f.document_id, f.collection_id, f.batch_id, f.attributes, f.created_at, f.updated_at
)

select
    f.file_id as document_id,
    f.collection_id,
    f.batch_id,
    t.filename,
    t.file_type,
    t.file_size,
    coalesce(d.chunk_count, 0) as chunk_count,
    case when n.id is null then d.status else 'processing' end as status,
    case when n.id is null then d.error end as error,
    case when n.id is null then d.chunk_sizes else n.chunk_sizes end as chunk_sizes,
    f.attributes,
    f.created_at,
    f.updated_at,
    coalesce(f.document_id, f.file_id) as reading_id
from added as f
inner join there as t on f.file_id = t.id
inner join wanted as w on f.file_id = w.file_id
left join documents as d on d.user_id = $1::uuid and f.document_id = d.id
left join waiting as n on f.document_id = n.id
order by w.place
limit $5::int;
