-- server/current_model :one
-- The embedding model of the stored vectors, compared with the settings at every start.
-- returns: model text, dimensions int
select
    m.model,
    m.dimensions
from embedding_model as m
where m.is_current;
