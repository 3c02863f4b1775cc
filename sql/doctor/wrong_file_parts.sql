-- doctor/wrong_file_parts :many
-- Files, among those of the tenants given, whose number of stored bytes differs from their size, for `cabinet
-- doctor`: a part was deleted by hand.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the documents of all tenants; it reads no contents
-- returns: user_id uuid, document_id uuid, file_size int8, stored_bytes int8
-- index: document_contents_pkey, documents_pkey, file_parts_pkey, documents_user_filename_idx
with found as materialized (
    select
        d.user_id,
        d.id as document_id,
        d.file_size,
        (
            select octet_length(b.content)
            from document_contents as b
            where b.user_id = d.user_id and b.document_id = d.id
        ) + (
            select coalesce(sum(octet_length(p.content)), 0)::int8
            from file_parts as p
            where p.user_id = d.user_id and p.document_id = d.id
        ) as stored_bytes
    from documents as d
    where d.user_id = any($1::uuid[]) and d.file_id is null
)

select
    f.user_id,
    f.document_id,
    f.file_size,
    f.stored_bytes
from found as f
where f.file_size <> f.stored_bytes
order by f.user_id, f.document_id
limit $2::int;
