-- rows_of_erased_users
-- Rows of users whose erasure was acknowledged, in any table.
select
    e.user_id,
    f.table_name
from told_erased as e
cross join lateral pg_temp.tables_of(e.user_id) as f (table_name);
