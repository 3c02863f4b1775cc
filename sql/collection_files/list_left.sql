-- collection_files/list_left :many
-- Some files that left their collections long ago, or whose leaving has not been noted, earliest first.
-- $1 kept_s   float8  seconds for which their places are kept
-- $2 max_rows int     1..1000
-- tenant: none, a worker clears up for all tenants; the rows name the tenant of each deletion that follows
-- returns: user_id uuid, collection_id uuid, file_id uuid
-- index: collection_files_left_idx
select
    f.user_id,
    f.collection_id,
    f.file_id
from collection_files as f
where
    f.document_id is null
    and coalesce(f.left_at, '-infinity') < now() - $1::float8 * interval '1 second'
order by coalesce(f.left_at, '-infinity')
limit $2::int;
