select
    c.user_id,
    c.content_hash
from chunks as c
group by c.user_id, c.content_hash
order by c.content_hash
limit 100;
