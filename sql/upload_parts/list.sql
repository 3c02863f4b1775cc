-- upload_parts/list :many
-- The parts of an upload, among those given, in any order.
-- $1 user_id   uuid    the tenant
-- $2 upload_id uuid
-- $3 part_ids  uuid[]  each once
-- $4 max_rows  int     the number of part_ids
-- returns: id uuid, part_bytes int8
-- index: upload_parts_pkey
select
    p.id,
    p.part_bytes
from upload_parts as p
where p.user_id = $1::uuid and p.upload_id = $2::uuid and p.id = any($3::uuid[])
order by p.id
limit $4::int;
