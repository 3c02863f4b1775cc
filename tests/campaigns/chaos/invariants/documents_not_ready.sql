-- documents_not_ready
-- Documents that are still not ready after the settling time. All are readable, so none may end with an error. A file
-- that is only stored is read as soon as it is in a collection, unless its batch was cancelled.
select
    d.user_id,
    d.id,
    d.filename,
    d.status,
    d.error,
    d.attempt,
    j.tries,
    j.due_at,
    j.worker
from documents as d
left join ingestion_jobs as j on d.user_id = j.user_id and d.id = j.document_id
where
    d.status <> 'ready'
    and (
        d.status <> 'stored'
        or exists (
            select 1 from collection_files as f
            where f.user_id = d.user_id and f.document_id = d.id and not f.is_cancelled
        )
    );
