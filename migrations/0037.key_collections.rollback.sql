update tenant_totals as t
set key_count = greatest(0, t.key_count - n.key_count)
from (
    select
        k.user_id,
        count(*) as key_count
    from api_keys as k
    where k.collection_id is not null and k.revoked_at is null
    group by k.user_id
) as n
where t.user_id = n.user_id;

delete from api_keys
where collection_id is not null;

alter table api_keys
drop column collection_id;
