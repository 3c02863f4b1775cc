-- server/forget_migration :exec
-- Notes that a migration was taken back: in the transaction that does it.
-- $1 migration_id text
with noted as (
    delete from _yoyo_log as l
    where l.id = left($1::text, 36)
)

delete from _yoyo_migration as m
where m.migration_id = $1::text;
