-- rows_without_document
-- Bytes, chunks, vectors and jobs of documents that do not exist, after the settling time.
select
    'document_contents' as table_name,
    b.user_id,
    b.document_id
from document_contents as b
where not exists (select 1 from documents as d where d.user_id = b.user_id and d.id = b.document_id)
union all
select
    'chunks' as table_name,
    c.user_id,
    c.document_id
from chunks as c
where not exists (select 1 from documents as d where d.user_id = c.user_id and d.id = c.document_id)
union all
select
    'chunk_vectors' as table_name,
    v.user_id,
    v.document_id
from chunk_vectors as v
where
    not exists (select 1 from documents as d where d.user_id = v.user_id and d.id = v.document_id)
    or not exists (select 1 from chunks as c where c.user_id = v.user_id and c.id = v.chunk_id)
union all
select
    'ingestion_jobs' as table_name,
    j.user_id,
    j.document_id
from ingestion_jobs as j
where not exists (select 1 from documents as d where d.user_id = j.user_id and d.id = j.document_id);
