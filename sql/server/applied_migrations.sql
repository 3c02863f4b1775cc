-- server/applied_migrations :many
-- Ids of the migrations that the database has, for the readiness check and for `cabinet migrate status`.
-- returns: migration_id varchar null, applied_at_utc timestamp null
-- bound: by the files in migrations/
select
    m.migration_id,
    m.applied_at_utc
from _yoyo_migration as m
order by m.migration_id;
