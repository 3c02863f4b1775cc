select
    v.chunk_id,
    v.embedding
from chunk_vectors as v
where v.user_id = $1;
