-- collection_files_lost
-- Documents whose addition to a collection was acknowledged, that nobody took out or deleted, and that are not in it.
select
    t.user_id,
    t.collection_id,
    t.name
from told_members as t
where
    t.least_rows = 1
    and not exists (
        select 1
        from collection_files as f
        inner join documents as d on f.user_id = d.user_id and f.document_id = d.id
        where f.user_id = t.user_id and f.collection_id = t.collection_id and d.filename = t.name
    );
