-- file_batches_lost
-- Batches that were acknowledged, in collections that nobody deleted, and that do not exist.
select
    t.user_id,
    t.collection_id,
    t.batch_id
from told_batches as t
where
    not exists (
        select 1 from file_batches as b
        where b.user_id = t.user_id and b.collection_id = t.collection_id and b.id = t.batch_id
    );
