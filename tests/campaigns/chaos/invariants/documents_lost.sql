-- documents_lost
-- Documents whose upload was acknowledged, whose deletion nobody asked for, and which do not exist.
select
    t.name,
    t.document_ids
from told_documents as t
where
    t.least_rows = 1
    and not exists (select 1 from documents as d where d.filename = t.name and d.file_id is null);
