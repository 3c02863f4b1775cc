-- export/document_contents :many
-- The bytes of some documents for an export: as many documents as fit into a number of bytes, but at least
-- one. The contents of other documents are not read.
-- $1 user_id           uuid       the tenant
-- $2 document_ids      uuid[]     of export/documents, at most 1000
-- $3 after_document_id uuid null  the last id of the previous page; null: from the first
-- $4 max_bytes         int8
-- $5 max_rows          int        1..1000
-- returns: document_id uuid, content bytea, charset text null
-- index: document_contents_pkey
with following as (
    select
        b.document_id,
        sum(octet_length(b.content)) over (
            order by b.document_id
            rows between unbounded preceding and current row
        ) - octet_length(b.content) as bytes_before
    from document_contents as b
    where
        b.user_id = $1::uuid
        and b.document_id = any($2::uuid[])
        and (b.removed_at is null or b.removed_at = 'infinity')
        and ($3::uuid is null or b.document_id > $3::uuid)
    order by b.document_id
    limit $5::int
)

select
    b.document_id,
    b.content,
    b.charset
from following as f
inner join document_contents as b on b.user_id = $1::uuid and f.document_id = b.document_id
where f.bytes_before < $4::int8
order by b.document_id
limit $5::int;
