-- documents_doubled
-- Documents that exist more often than their clients were told: twice, or although the deletion was acknowledged or
-- the upload was refused.
select
    t.name,
    t.most_rows,
    count(d.id) as found_rows
from told_documents as t
inner join documents as d on t.name = d.filename and d.file_id is null
group by t.name, t.most_rows
having count(d.id) > t.most_rows;
