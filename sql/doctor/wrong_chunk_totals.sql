-- doctor/wrong_chunk_totals :many
-- Tenants, among those given, whose stored number of vectors differs from the actual one, for `cabinet
-- doctor`. Counts in the covering index: 0.1 µs per vector where the pages are all-visible. Remaining vectors
-- of deleted documents do not count.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, noted int8, counted int8, fix text
-- index: tenant_totals_pkey, chunk_vectors_pkey, chunk_vectors_signature_idx, document_contents_left_over_idx
with counts as (
    select
        t.user_id,
        coalesce(n.chunk_count, 0) as noted,
        (
            select count(*)
            from chunk_vectors as v
            where v.user_id = t.user_id
        ) - (
            select count(*)
            from document_contents as b
            inner join chunk_vectors as v on b.user_id = v.user_id and b.document_id = v.document_id
            where b.user_id = t.user_id and b.removed_at < 'infinity'
        ) as counted
    from unnest($1::uuid[]) as t (user_id)
    left join tenant_totals as n on t.user_id = n.user_id
)

select
    c.user_id,
    c.noted,
    c.counted,
    format(
        'insert into tenant_totals (user_id, chunk_count) values (%L, %s) '
        'on conflict (user_id) do update set chunk_count = excluded.chunk_count;',
        c.user_id, c.counted
    ) as fix
from counts as c
where c.noted <> c.counted
order by c.user_id
limit $2::int;
