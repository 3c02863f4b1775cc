-- collection_files_unexpected
-- Documents in collections of the campaign's tenants that no client has added, or that were taken out.
select
    f.user_id,
    f.collection_id,
    d.filename
from collection_files as f
inner join documents as d on f.user_id = d.user_id and f.document_id = d.id
inner join told_users as u on f.user_id = u.user_id
where
    not exists (
        select 1 from told_members as t
        where
            t.user_id = f.user_id
            and t.collection_id = f.collection_id
            and t.name = d.filename
            and t.most_rows = 1
    );
