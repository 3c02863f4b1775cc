-- doctor/terms :many
-- The tenants, among those given, that have chunks without terms, or an outdated sample of terms, for
-- `cabinet doctor`. Index-only: about 0.2 µs per chunk. A chunk without words never has terms.
-- $1 user_ids uuid[]  the tenants
-- $2 max_rows int     1..1000
-- tenant: none, the administrator examines the sizes of all tenants; it reads no contents
-- returns: user_id uuid, chunks int8, with_terms int8, sampled_count int8, is_waiting bool, fix text
-- index: chunks_content_hash_idx, chunk_terms_document_idx, term_samples_pkey, term_jobs_pkey
with counted as materialized (
    select
        t.user_id,
        (
            select count(*)
            from chunks as k
            where k.user_id = t.user_id
        ) as chunks,
        (
            select count(*)
            from chunk_terms as k
            where k.user_id = t.user_id
        ) as with_terms
    from unnest($1::uuid[]) as t (user_id)
)

select
    c.user_id,
    c.chunks,
    c.with_terms,
    coalesce(s.text_count, 0) as sampled_count,
    j.user_id is not null as is_waiting,
    format('insert into term_jobs (user_id) values (%L) on conflict do nothing;', c.user_id) as fix
from counted as c
left join term_samples as s on c.user_id = s.user_id and s.kind = 'chunk'
left join term_jobs as j on c.user_id = j.user_id
where c.chunks > c.with_terms or c.chunks > 2 * coalesce(s.text_count, 0)
order by c.user_id
limit $2::int;
