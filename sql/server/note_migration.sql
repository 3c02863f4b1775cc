-- server/note_migration :exec
-- Notes in yoyo's own log what an applied migration read when it was applied, so that a later edit is seen.
-- $1 migration_id text
-- $2 checksum     text
insert into _yoyo_log (id, migration_id, operation, username, comment, created_at_utc)
values (left($1::text, 36), $1::text, 'apply', current_user, $2::text, now() at time zone 'utc')
on conflict (id) do update
    set username = excluded.username, comment = excluded.comment, created_at_utc = excluded.created_at_utc;
