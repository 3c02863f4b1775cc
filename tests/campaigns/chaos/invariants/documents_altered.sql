-- documents_altered
-- Documents whose bytes are missing, or are not those that were uploaded.
select
    d.user_id,
    d.id,
    d.filename,
    d.file_size,
    octet_length(f.content) as stored_bytes
from documents as d
inner join told_documents as t on d.filename = t.name
left join document_contents as b on d.user_id = b.user_id and d.id = b.document_id
cross join lateral (
    select b.content || coalesce(string_agg(p.content, '' order by p.first_byte), '') as content
    from file_parts as p
    where p.user_id = d.user_id and p.document_id = d.id
) as f
where
    d.file_id is null
    and (
        f.content is null
        or b.removed_at is not null
        or octet_length(f.content) <> d.file_size
        or encode(sha256(f.content), 'hex') <> all(t.digests)
    );
