-- users/list_left_over :many
-- A user's deleted documents whose bytes, chunks and vectors remain.
-- $1 user_id  uuid  the tenant
-- $2 max_rows int   1..1000
-- returns: document_id uuid
-- index: document_contents_left_over_idx
select b.document_id
from document_contents as b
where b.user_id = $1::uuid and b.removed_at < 'infinity'
order by b.document_id
limit $2::int;
