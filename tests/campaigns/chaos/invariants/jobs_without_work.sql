-- jobs_without_work
-- Jobs of documents that are not being processed, and documents being processed that have no job: nobody would ever
-- take them up.
select
    coalesce(d.user_id, j.user_id) as user_id,
    coalesce(d.id, j.document_id) as document_id,
    d.status,
    j.attempt
from documents as d
full join ingestion_jobs as j on d.user_id = j.user_id and d.id = j.document_id
where
    (d.status = 'processing' and j.document_id is null)
    or (j.document_id is not null and d.status is distinct from 'processing');
