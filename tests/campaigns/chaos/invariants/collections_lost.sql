-- collections_lost
-- Collections that were acknowledged and do not exist, whose deletion was acknowledged and that do, or that exist
-- more often than their clients were told.
select
    t.user_id,
    t.name,
    t.least_rows,
    t.most_rows,
    count(c.id) as found_rows
from told_collections as t
left join collections as c on t.user_id = c.user_id and t.name = c.name
group by t.user_id, t.name, t.least_rows, t.most_rows
having count(c.id) not between t.least_rows and t.most_rows;
