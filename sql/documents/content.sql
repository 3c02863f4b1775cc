-- documents/content :one
-- Some bytes of a file, as they were received: at most one part, so that a slow client does not keep a whole
-- file in the memory of the service. The caller continues where they end.
-- $1 user_id     uuid  the tenant
-- $2 document_id uuid
-- $3 first_byte  int8  the place of the first byte, from 0; negative: that many bytes before the end
-- $4 max_bytes   int
-- returns: filename text, content_hash uuid, file_bytes int8, content bytea
-- index: documents_pkey, document_contents_pkey, file_parts_pkey
with sized as materialized (
    select
        d.filename,
        d.content_hash,
        octet_length(b.content) as whole_bytes,
        octet_length(b.content) + coalesce((
            select p.first_byte + octet_length(p.content)
            from file_parts as p
            where p.user_id = $1::uuid and p.document_id = $2::uuid
            order by p.first_byte desc
            limit 1
        ), 0) as file_bytes
    from documents as d
    inner join document_contents as b on d.user_id = b.user_id and d.id = b.document_id
    where d.user_id = $1::uuid and d.id = $2::uuid and d.file_id is null
),

wanted as materialized (
    select
        s.filename,
        s.content_hash,
        s.whole_bytes,
        s.file_bytes,
        case
            when $3::int8 < 0 then greatest(0, s.file_bytes + $3::int8) else least($3::int8, s.file_bytes)
        end as first_byte
    from sized as s
)

select
    w.filename,
    w.content_hash,
    w.file_bytes,
    coalesce((
        select substring(b.content, w.first_byte::int + 1, $4::int)
        from document_contents as b
        where b.user_id = $1::uuid and b.document_id = $2::uuid and w.whole_bytes > 0
    ), (
        select substring(p.content, (w.first_byte - p.first_byte)::int + 1, $4::int)
        from file_parts as p
        where p.user_id = $1::uuid and p.document_id = $2::uuid and p.first_byte <= w.first_byte
        order by p.first_byte desc
        limit 1
    ), '') as content
from wanted as w;
