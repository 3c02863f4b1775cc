-- import/hide_readings :exec
-- Marks what stands for the bytes of imported readings, as collection_files/add does, so that searches that
-- name no collection pass over their chunks.
-- $1 user_id uuid  the tenant
-- index: documents_readings_idx, document_contents_pkey
update document_contents as b
set removed_at = 'infinity'
from documents as d
where d.user_id = $1::uuid and d.file_id is not null and b.user_id = $1::uuid and b.document_id = d.id;
