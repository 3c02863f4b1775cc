-- server/note_migration :exec
-- Notes that a migration was applied, and what it read then, so that a later edit is seen. In the transaction
-- of the migration itself, so there is never one without the other.
-- $1 migration_id text
-- $2 checksum     text
with applied as (
    insert into _yoyo_migration (migration_hash, migration_id, applied_at_utc)
    values (encode(sha256(convert_to($1::text, 'utf8')), 'hex'), $1::text, now() at time zone 'utc')
    on conflict (migration_hash) do nothing
)

insert into _yoyo_log (id, migration_hash, migration_id, operation, username, comment, created_at_utc)
values (
    left($1::text, 36), encode(sha256(convert_to($1::text, 'utf8')), 'hex'), $1::text, 'apply', current_user,
    $2::text, now() at time zone 'utc'
)
on conflict (id) do update
    set username = excluded.username, comment = excluded.comment, created_at_utc = excluded.created_at_utc;
