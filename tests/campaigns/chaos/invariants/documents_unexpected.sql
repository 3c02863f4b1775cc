-- documents_unexpected
-- Documents of the campaign's tenants that no client has uploaded.
select
    d.user_id,
    d.id,
    d.filename
from documents as d
inner join told_users as u on d.user_id = u.user_id
where not exists (select 1 from told_documents as t where t.name = d.filename);
