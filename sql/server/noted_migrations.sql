-- server/noted_migrations :many
-- The migrations that the database has, when it took them, and the checksum that was noted; null where none
-- was.
-- returns: migration_id varchar null, applied_at_utc timestamp null, checksum varchar null
-- bound: by the files in migrations/
select
    m.migration_id,
    m.applied_at_utc,
    l.comment as checksum
from _yoyo_migration as m
left join _yoyo_log as l on l.id = left(m.migration_id, 36)
order by m.migration_id;
