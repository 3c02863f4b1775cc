-- server/applied_migrations :many
-- The applied migrations with their times and the digests of their texts, for the readiness check, for
-- migrating and for `cabinet migrate status`.
-- returns: id text, applied_at timestamptz, checksum text
-- bound: by the files in migrations/
select
    m.id,
    m.applied_at,
    m.checksum
from schema_migrations as m
order by m.id;
