-- collections_unexpected
-- Collections of the campaign's tenants that no client has created, or whose id is not the one that it was told.
select
    c.user_id,
    c.id,
    c.name
from collections as c
inner join told_users as u on c.user_id = u.user_id
where
    not exists (
        select 1 from told_collections as t
        where t.user_id = c.user_id and t.name = c.name and coalesce(t.collection_id, c.id) = c.id
    );
