-- documents_renamed
-- Documents whose id is not the one that the client was told.
select
    d.user_id,
    d.id,
    d.filename,
    t.document_ids
from documents as d
inner join told_documents as t on d.filename = t.name
where t.is_certain and d.file_id is null and d.id <> all(t.document_ids);
