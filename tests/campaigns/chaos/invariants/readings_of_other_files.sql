-- readings_of_other_files
-- Files in collections whose chunks are those of a document that does not exist, or of another file.
select
    f.user_id,
    f.collection_id,
    f.file_id,
    f.document_id,
    r.file_id as file_of_reading
from collection_files as f
left join documents as r on f.user_id = r.user_id and f.document_id = r.id
where f.document_id is not null and coalesce(r.file_id, r.id) is distinct from f.file_id;
