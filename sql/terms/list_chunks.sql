-- terms/list_chunks :many
-- The next chunks of a user in the order of their ids, with the text of those that have no terms.
-- $1 user_id  uuid       the tenant
-- $2 after    uuid null  the last processed chunk; null: from the first
-- $3 max_rows int        1..1000
-- returns: id uuid, document_id uuid, metadata jsonb, content text null
-- index: chunks_pkey, chunk_terms_pkey
select
    c.id,
    c.document_id,
    c.metadata,
    case when t.chunk_id is null then c.content end as content
from chunks as c
left join chunk_terms as t on t.user_id = $1::uuid and c.id = t.chunk_id
where c.user_id = $1::uuid and ($2::uuid is null or c.id > $2::uuid)
order by c.id
limit $3::int;
