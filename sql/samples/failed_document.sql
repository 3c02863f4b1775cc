-- samples/failed_document :one
-- A document of a user whose ingestion failed, for examples.
-- $1 user_id uuid  the tenant
-- returns: document_id text
-- index: documents_user_status_idx
select d.id::text as document_id
from documents as d
where d.user_id = $1::uuid and d.status = 'error'
order by d.id
limit 1;
