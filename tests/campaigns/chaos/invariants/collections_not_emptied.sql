-- collections_not_emptied
-- Collections that expired some minutes ago and still have files.
select
    c.user_id,
    c.id,
    c.name,
    c.expires_at
from collections as c
where
    c.expires_at < now() - interval '3 minutes'
    and exists (
        select 1 from collection_files as f
        where f.user_id = c.user_id and f.collection_id = c.id and f.document_id is not null
    );
