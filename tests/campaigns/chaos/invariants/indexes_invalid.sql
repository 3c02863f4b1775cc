-- indexes_invalid
-- Indexes that a killed build has left behind.
select
    i.indexrelid::regclass as index_name,
    i.indisvalid,
    i.indisready
from pg_index as i
where not i.indisvalid or not i.indisready;
