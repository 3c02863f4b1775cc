-- collection_files_altered
-- Documents in collections with other attributes than those with which they were added.
select
    f.user_id,
    f.collection_id,
    d.filename,
    f.attributes
from collection_files as f
inner join documents as d on f.user_id = d.user_id and f.document_id = d.id
inner join told_users as u on f.user_id = u.user_id
where f.attributes ->> 'name' is distinct from d.filename;
