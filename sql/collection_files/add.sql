-- collection_files/add :many
-- Adds documents to a collection, all or none, and returns them in the given order. A document that is there
-- already gets the attributes, if there are any; one whose file was only stored is queued to be read, and so
-- is one that is to have other chunk_sizes, as in documents/rechunk. If it is being read, the attempt
-- rises, so that the worker changes nothing more: by two, since a claim can raise it by one meanwhile. The
-- collection is locked first, so that two requests never wait for each other's files, then the documents. No
-- row: the collection does not exist or has expired, or one of the documents does not exist or may not be
-- added, or is to have other chunk_sizes although its chunks are the client's or another collection has it
-- (collection_files/list_split). A document that leaves the collection at the same time is not added again,
-- and not returned. The use is noted as in collections/touch.
-- $1 user_id       uuid           the tenant
-- $2 collection_id uuid
-- $3 batch_id      uuid null      null: none
-- $4 files         jsonb          [{"document_id": …, "attributes": {…}, "chunk_sizes": …}, …], each once
-- $5 max_rows      int            the number of files
-- $6 only_present  bool optional  whether only documents that are in it already may be added again
-- returns: as collection_files/get
-- index: collections_pkey, documents_pkey, ingestion_jobs_pkey, collection_files_pkey,
--   collection_files_document_idx
-- length: the collection, its files and the jobs of those that are read now change together
with held as materialized (
    select c.id
    from collections as c
    where c.user_id = $1::uuid and c.id = $2::uuid and (c.expires_at is null or c.expires_at > now())
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
        (w.file ->> 'document_id')::uuid as document_id,
        coalesce(w.file -> 'attributes', '{}') as attributes,
        nullif(w.file -> 'chunk_sizes', 'null') as chunk_sizes,
        w.place
    from jsonb_array_elements($4::jsonb) with ordinality as w (file, place)
),

there as materialized (
    select
        d.id,
        j.attempt
    from documents as d
    left join ingestion_jobs as j on j.user_id = $1::uuid and d.id = j.document_id
    where
        d.user_id = $1::uuid
        and d.id in (select w.document_id from wanted as w)
        and (select count(*) from held) > 0
        and (
            coalesce($6::bool, false) is false
            or d.id in (
                select p.file_id
                from collection_files as p
                where
                    p.user_id = $1::uuid
                    and p.collection_id = $2::uuid
                    and p.file_id in (select n.document_id from wanted as n)
                    and p.document_id is not null
            )
        )
        and not exists (
            select 1
            from wanted as w
            where
                w.document_id = d.id
                and w.chunk_sizes <> coalesce(d.chunk_sizes, 'null')
                and (
                    d.file_type = 'chunks'
                    or exists (
                        select 1
                        from collection_files as o
                        where
                            o.user_id = $1::uuid
                            and o.document_id = d.id
                            and o.collection_id <> $2::uuid
                            and not o.is_cancelled
                    )
                )
        )
    order by d.id
    for no key update of d
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
        chunk_sizes = coalesce(w.chunk_sizes, d.chunk_sizes),
        updated_at = now()
    from there as t
    inner join wanted as w on t.id = w.document_id
    where
        d.user_id = $1::uuid
        and d.id = t.id
        and (
            d.status = 'stored'
            or w.chunk_sizes <> coalesce(d.chunk_sizes, 'null')
        )
        and (select count(*) from there) = (select count(*) from wanted)
    returning d.id, d.attempt, d.chunk_sizes
),

queued as (
    insert into ingestion_jobs as j (user_id, document_id, attempt)
    select
        $1::uuid as user_id,
        r.id as document_id,
        r.attempt
    from read as r
    order by r.id
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
        w.document_id as file_id,
        w.document_id,
        $3::uuid as batch_id,
        w.attributes
    from held as h
    cross join wanted as w
    where
        (select count(*) from there) = (select count(*) from wanted)
        and (select count(*) from queued) >= 0
    order by w.place
    on conflict (user_id, collection_id, file_id) do update
        set
            document_id = excluded.document_id,
            batch_id = coalesce(excluded.batch_id, f.batch_id),
            attributes = case
                when f.document_id is not null and excluded.attributes = '{}' then f.attributes
                else excluded.attributes
            end,
            is_cancelled = false,
            left_at = null,
            seq = case when f.document_id is null then excluded.seq else f.seq end,
            created_at = case when f.document_id is null then excluded.created_at else f.created_at end,
            updated_at = excluded.updated_at
        where coalesce($6::bool, false) is false or f.document_id is not null
    returning f.document_id, f.collection_id, f.batch_id, f.attributes, f.created_at, f.updated_at
)

select
    f.document_id,
    f.collection_id,
    f.batch_id,
    d.filename,
    d.file_type,
    d.file_size,
    d.chunk_count,
    case when r.id is null then d.status else 'processing' end as status,
    case when r.id is null then d.error end as error,
    coalesce(r.chunk_sizes, d.chunk_sizes) as chunk_sizes,
    f.attributes,
    f.created_at,
    f.updated_at
from added as f
inner join documents as d on d.user_id = $1::uuid and f.document_id = d.id
inner join wanted as w on f.document_id = w.document_id
left join read as r on f.document_id = r.id
order by w.place
limit $5::int;
