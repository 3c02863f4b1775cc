-- Why: a server adds the usage that it counted to the ledger once a second. If the reply to its COMMIT is
--   lost, it sends the same counts again; the number of the last flush of each server keeps them from
--   counting twice.
-- Lock: none on existing tables.
-- On 10M rows: milliseconds; its table is new.
-- Serves: usage/note_flush, usage/forget_flushes
-- Rollback loses: the numbers, which matter only while a server waits for a lost reply.
-- depends: 0007.embedding_model
create table usage_flushes (
    source uuid not null,
    sequence bigint not null,
    flushed_at timestamptz not null,
    constraint usage_flushes_pkey primary key (source)
) with (fillfactor = 50);

create index usage_flushes_flushed_at_idx on usage_flushes (flushed_at);

comment on table usage_flushes is
'The last flush of each server: one row for each process that was started in the last day, or still runs.';
comment on column usage_flushes.source is 'An id that the process makes at its start.';
