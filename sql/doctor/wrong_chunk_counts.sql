-- doctor/wrong_chunk_counts :many
-- Documents of the given tenants whose stored number of chunks differs from the number of their chunks or of
-- their vectors, for `cabinet doctor`. Index-only: about 10 µs per document and 0.2 µs per chunk.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, document_id uuid, noted int8, chunks int8, vectors int8, fix text
-- index: chunks_document_index_key, chunk_vectors_signature_idx, documents_user_created_idx, documents_pkey
select
    d.user_id,
    d.id as document_id,
    d.chunk_count::bigint as noted,
    c.counted as chunks,
    v.counted as vectors,
    format(
        case
            when c.counted = v.counted
                then
                    'update documents set chunk_count = %3$s where user_id = %1$L and id = %2$L;'
            else
                'begin; delete from chunk_vectors where user_id = %1$L and document_id = %2$L; '
                'delete from chunks where user_id = %1$L and document_id = %2$L; '
                'update documents set status = ''error'', error = ''damaged: retry it'', chunk_count = 0 '
                'where user_id = %1$L and id = %2$L; commit;'
        end,
        d.user_id, d.id, c.counted
    ) as fix
from unnest($1::uuid[]) as t (user_id)
inner join documents as d on t.user_id = d.user_id
cross join
    lateral (
        select count(*) as counted
        from chunks as k
        where k.user_id = d.user_id and k.document_id = d.id
    ) as c
cross join
    lateral (
        select count(*) as counted
        from chunk_vectors as w
        where w.user_id = d.user_id and w.document_id = d.id
    ) as v
where d.chunk_count <> c.counted or d.chunk_count <> v.counted
order by d.user_id, d.id
limit $2::int;
