select
    d.id,
    d.user_id,
    d.filename,
    d.file_type,
    d.file_size::int as file_size,
    d.status,
    d.metadata::json as metadata,
    timestamp '2026-01-01' + row_number() over (order by d.id) * interval '1 second' as created_at
from documents as d;
