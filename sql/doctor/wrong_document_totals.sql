-- doctor/wrong_document_totals :many
-- Tenants, among those given, whose stored numbers of documents and bytes, which enforce the limits of their
-- plan, differ from the actual ones, for `cabinet doctor`. Reads the rows of their documents.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, noted int8, counted int8, noted_bytes int8, counted_bytes int8
-- index: tenant_totals_pkey, documents_pkey, documents_user_filename_idx
with counted as (
    select
        d.user_id,
        count(*) as documents,
        sum(d.file_size)::bigint as bytes
    from documents as d
    where d.user_id = any($1::uuid[]) and d.file_id is null
    group by d.user_id
)

select
    t.user_id,
    coalesce(n.document_count, 0) as noted,
    coalesce(c.documents, 0) as counted,
    coalesce(n.byte_count, 0) as noted_bytes,
    coalesce(c.bytes, 0) as counted_bytes
from unnest($1::uuid[]) as t (user_id)
left join tenant_totals as n on t.user_id = n.user_id
left join counted as c on t.user_id = c.user_id
where
    coalesce(n.document_count, 0) <> coalesce(c.documents, 0)
    or coalesce(n.byte_count, 0) <> coalesce(c.bytes, 0)
order by t.user_id
limit $2::int;
