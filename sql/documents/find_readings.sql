-- documents/find_readings :many
-- The further readings of documents that are given to another user, whose collections do not have them: after
-- documents/hold, some at a time, for documents/delete.
-- $1 user_id      uuid    the tenant
-- $2 document_ids uuid[]  each once, at most 1000
-- $3 max_rows     int     1..1000
-- returns: id uuid
-- index: documents_readings_idx
select d.id
from documents as d
where d.user_id = $1::uuid and d.file_id = any($2::uuid[])
order by d.id
limit $3::int;
