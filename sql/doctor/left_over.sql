-- doctor/left_over :one
-- The deleted documents whose bytes, chunks and vectors remain, and how long ago the oldest of them was
-- deleted, for `cabinet doctor`. Reads a partial index that is empty but for minutes after a large deletion.
-- tenant: none, an administrator's look at the documents of all tenants; it reads no content
-- returns: documents int8, oldest_s float8
-- index: document_contents_removed_idx
select
    count(*) as documents,
    coalesce(extract(epoch from now() - min(b.removed_at)), 0)::float8 as oldest_s
from document_contents as b
where b.removed_at is not null;
