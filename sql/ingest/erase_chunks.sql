-- ingest/erase_chunks :exec
-- In the transaction that stores a document that already had chunks: erases some of the old chunks, with
-- their vectors and terms, before the new ones are written.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid  locked by ingest/complete
-- $3 first_index int   the first chunk
-- $4 last_index  int   the last one
-- index: chunks_document_index_key, chunk_vectors_pkey, chunk_terms_pkey
-- plan: generic
with erased as (
    delete from chunks as c
    where
        c.user_id = $1::uuid
        and c.document_id = $2::uuid
        and c.chunk_index between $3::int and $4::int
    returning c.id
),

erased_vectors as (
    delete from chunk_vectors as v
    using erased as e
    where v.user_id = $1::uuid and v.chunk_id = e.id
)

delete from chunk_terms as t
using erased as e
where t.user_id = $1::uuid and t.chunk_id = e.id;
