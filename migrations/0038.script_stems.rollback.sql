with deleted_chunks as (
    delete from chunk_terms as t
    using chunks as c
    where
        c.user_id = t.user_id
        and c.id = t.chunk_id
        and (
            c.content ~ '[\u0370-\u03ff\u0400-\u052f\u0600-\u06ff\u1f00-\u1fff]{2}'
            or c.metadata::text ~ '[\u0370-\u03ff\u0400-\u052f\u0600-\u06ff\u1f00-\u1fff]{2}'
        )
    returning t.user_id
),

deleted_messages as (
    delete from message_terms as t
    using messages as m
    where
        m.user_id = t.user_id
        and m.conversation_id = t.conversation_id
        and m.position = t.position
        and (
            m.content ~ '[\u0370-\u03ff\u0400-\u052f\u0600-\u06ff\u1f00-\u1fff]{2}'
            or m.name ~ '[\u0370-\u03ff\u0400-\u052f\u0600-\u06ff\u1f00-\u1fff]{2}'
            or m.metadata::text ~ '[\u0370-\u03ff\u0400-\u052f\u0600-\u06ff\u1f00-\u1fff]{2}'
        )
    returning t.user_id
)

insert into term_jobs (user_id, due_at)
select
    d.user_id,
    now() as due_at
from (
    select c.user_id
    from deleted_chunks as c
    union
    select m.user_id
    from deleted_messages as m
) as d
on conflict (user_id) do update
    set chunk_id = null, conversation_id = null, position = null, due_at = excluded.due_at;
