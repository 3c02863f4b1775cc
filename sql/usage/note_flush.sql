-- usage/note_flush :exec
-- Records the last flush of a process, in the transaction that adds its counts. It changes no row if this
-- flush was already recorded: the reply to its COMMIT was lost, and its counts are in the ledger.
-- $1 source   uuid  the process: a random id that it chooses at startup
-- $2 sequence int8  the number of the flush, counted from 1
-- index: usage_flushes_pkey
insert into usage_flushes as f (source, sequence, flushed_at)
values ($1::uuid, $2::int8, now())
on conflict (source) do update
    set sequence = excluded.sequence, flushed_at = excluded.flushed_at
    where f.sequence < excluded.sequence;
