-- users_lost
-- Users who were created, whom nobody has erased, and who do not exist.
select t.user_id
from told_users as t
where not exists (select 1 from users as u where u.id = t.user_id);
