select p.id
from plain_texts as p
cross join (select replace(plainto_tsquery('english', $2)::text, '&', '|')::tsquery as words) as q
where p.user_id = $1 and p.words @@ q.words
order by ts_rank(p.words, q.words) desc
limit 100;
