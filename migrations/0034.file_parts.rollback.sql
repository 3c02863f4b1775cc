update document_contents as b
set content = b.content || p.content
from (
    select
        f.user_id,
        f.document_id,
        string_agg(f.content, '' order by f.first_byte) as content
    from file_parts as f
    group by f.user_id, f.document_id
) as p
where b.user_id = p.user_id and b.document_id = p.document_id;

drop table file_parts;
