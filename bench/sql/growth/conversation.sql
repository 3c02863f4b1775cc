-- A conversation of a user, the first that was made.
select c.id
from conversations as c
where c.user_id = $1
order by c.id
limit 1;
