-- server/applied_migrations :many
-- The migrations that the database has, when it took them, and the digest of what each said then: for the
-- readiness check, for migrating and for `cabinet migrate status`.
-- returns: id text, applied_at timestamptz, checksum text
-- bound: by the files in migrations/
select
    m.id,
    m.applied_at,
    m.checksum
from schema_migrations as m
order by m.id;
