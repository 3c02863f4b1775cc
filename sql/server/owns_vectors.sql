-- server/owns_vectors :value
-- Whether this session may create indexes on the vectors: only their owner may.
-- returns: is_owner bool null
select pg_has_role(c.relowner, 'usage') as is_owner
from pg_class as c
where c.oid = to_regclass('chunk_vectors');
