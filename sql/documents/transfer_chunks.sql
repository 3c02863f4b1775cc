-- documents/transfer_chunks :value
-- Moves some chunks of transferred documents, with their vectors and terms, whose keys depend on the tenant,
-- after documents/transfer.
-- $1 user_id      uuid    the tenant
-- $2 to_user      uuid    the receiver; none of their rows is read
-- $3 document_ids uuid[]  each once, at most 1000
-- $4 first_index  int     the first chunk of each document
-- $5 last_index   int     the last one
-- $6 key_change   int     the salts of both users XOR each other
-- returns: chunks int8
-- index: chunks_document_index_key, chunk_vectors_pkey, chunk_terms_pkey
-- length: chunks, vectors and terms are moved together, since a row of one is useless without the others
with moved as (
    delete from chunks as c
    where
        c.user_id = $1::uuid
        and c.document_id = any($3::uuid[])
        and c.chunk_index between $4::int and $5::int
    returning
        c.id,
        c.document_id,
        c.chunk_index,
        c.content,
        c.content_hash,
        c.token_count,
        c.metadata,
        c.created_at
),

moved_vectors as (
    delete from chunk_vectors as v
    using moved as m
    where v.user_id = $1::uuid and v.chunk_id = m.id
    returning v.chunk_id, v.document_id, v.embedding, v.signature
),

moved_terms as (
    delete from chunk_terms as t
    using moved as m
    where t.user_id = $1::uuid and t.chunk_id = m.id
    returning t.chunk_id, t.document_id, t.keys, t.weights
),

given as (
    insert into chunks (
        user_id, id, document_id, chunk_index, content, content_hash, token_count, metadata, created_at
    )
    select
        $2::uuid as user_id,
        m.id,
        m.document_id,
        m.chunk_index,
        m.content,
        m.content_hash,
        m.token_count,
        m.metadata,
        m.created_at
    from moved as m
),

given_vectors as (
    insert into chunk_vectors (user_id, chunk_id, document_id, embedding, signature)
    select
        $2::uuid as user_id,
        m.chunk_id,
        m.document_id,
        m.embedding,
        m.signature
    from moved_vectors as m
),

given_terms as (
    insert into chunk_terms (user_id, chunk_id, document_id, keys, weights)
    select
        $2::uuid as user_id,
        m.chunk_id,
        m.document_id,
        changed_keys(m.keys, $6::int) as keys,
        m.weights
    from moved_terms as m
)

select count(m.id) as chunks
from moved as m;
