-- export/file_parts :many
-- The parts of some files for an export: as many as fit into a number of bytes, but at least one. Other parts
-- are not read.
-- $1 user_id           uuid       the tenant
-- $2 document_ids      uuid[]     of export/documents, at most 1000
-- $3 after_document_id uuid null  of the last part of the previous page; null: from the first
-- $4 after_first_byte  int8 null
-- $5 max_bytes         int8
-- $6 max_rows          int        1..1000
-- returns: document_id uuid, first_byte int8, content bytea
-- index: file_parts_pkey, document_contents_removed_idx
with following as (
    select
        p.document_id,
        p.first_byte,
        sum(octet_length(p.content)) over (
            order by p.document_id, p.first_byte
            rows between unbounded preceding and current row
        ) - octet_length(p.content) as bytes_before
    from file_parts as p
    where
        p.user_id = $1::uuid
        and p.document_id = any($2::uuid[])
        and ($3::uuid is null or (p.document_id, p.first_byte) > ($3::uuid, $4::int8))
        and not exists (
            select b.document_id
            from document_contents as b
            where b.user_id = $1::uuid and b.document_id = p.document_id and b.removed_at is not null
        )
    order by p.document_id, p.first_byte
    limit $6::int
)

select
    p.document_id,
    p.first_byte,
    p.content
from following as f
inner join file_parts as p
    on p.user_id = $1::uuid and f.document_id = p.document_id and f.first_byte = p.first_byte
where f.bytes_before < $5::int8
order by p.document_id, p.first_byte
limit $6::int;
