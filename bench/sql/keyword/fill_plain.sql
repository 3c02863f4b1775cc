insert into plain_texts (user_id, id, words)
select
    c.user_id,
    c.id,
    to_tsvector('english', c.content) as words
from chunks as c;
