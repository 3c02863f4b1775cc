-- doctor/left_over :one
-- The number of deleted documents whose bytes, chunks and vectors remain, and the time since the oldest of
-- them was deleted, for `cabinet doctor`. Reads a partial index that is empty except for minutes after a
-- large deletion.
-- tenant: none, the administrator examines the documents of all tenants; it reads no contents
-- returns: documents int8, oldest_s float8
-- index: document_contents_left_over_idx
select
    count(*) as documents,
    coalesce(extract(epoch from now() - min(b.removed_at)), 0)::float8 as oldest_s
from document_contents as b
where b.removed_at < 'infinity';
