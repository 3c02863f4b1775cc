-- usage/note_flush :exec
-- Notes the last flush of a process, in the transaction that adds its counts. It changes no row if this
-- flush was noted before: the reply to its COMMIT was lost, and its counts are in the ledger already.
-- $1 source   uuid  the process: an id that it makes at its start
-- $2 sequence int8  the number of the flush, counted from 1
-- index: usage_flushes_pkey
insert into usage_flushes as f (source, sequence, flushed_at)
values ($1::uuid, $2::int8, now())
on conflict (source) do update
    set sequence = excluded.sequence, flushed_at = excluded.flushed_at
    where f.sequence < excluded.sequence;
