-- indexes/progress :one
-- The progress of the index build on the vectors, for the progress bar.
-- returns: phase text, done int8, total int8
select
    p.phase,
    p.blocks_done as done,
    p.blocks_total as total
from pg_stat_progress_create_index as p
where p.relid = to_regclass('chunk_vectors')
order by p.pid
limit 1;
