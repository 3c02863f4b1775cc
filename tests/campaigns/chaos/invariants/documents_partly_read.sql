-- documents_partly_read
-- Ready documents, and further readings of them, whose chunks are not cut from their own text, or do not reach from its beginning to its end.
select
    d.user_id,
    d.id,
    d.filename,
    count(*) filter (where strpos(t.text, c.content) = 0) as foreign_chunks,
    bool_or(starts_with(t.text, c.content)) as has_beginning,
    bool_or(right(t.text, char_length(c.content)) = c.content) as has_end
from documents as d
inner join document_contents as b on d.user_id = b.user_id and coalesce(d.file_id, d.id) = b.document_id
inner join chunks as c on d.user_id = c.user_id and d.id = c.document_id
cross join lateral (select convert_from(b.content, 'UTF8') as text) as t
where d.status = 'ready'
group by d.user_id, d.id, d.filename
having
    count(*) filter (where strpos(t.text, c.content) = 0) > 0
    or not bool_or(starts_with(t.text, c.content))
    or not bool_or(right(t.text, char_length(c.content)) = c.content);
