-- server/archiver :one
-- Whether the server archives its WAL, and the times of its last success and failure.
-- returns: is_on bool, archived_at timestamptz null, failed_at timestamptz null
select
    current_setting('archive_mode') <> 'off' as is_on,
    a.last_archived_time as archived_at,
    a.last_failed_time as failed_at
from pg_stat_archiver as a;
