-- documents_of_others
-- Documents that belong to a user who neither uploaded nor received them.
select
    d.user_id,
    d.id,
    d.filename
from documents as d
inner join told_documents as t on d.filename = t.name
where d.user_id <> all(t.owners);
