-- server/record_model :exec
-- Records the embedding model when the tables of the vectors are created, once for each database.
-- $1 model      text
-- $2 dimensions int
-- index: embedding_model_pkey
insert into embedding_model (model, dimensions) values ($1::text, $2::int)
on conflict (is_current) do nothing;
