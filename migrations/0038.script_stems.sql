-- Why: words in Cyrillic, Greek and Arabic letters have stems of their own in every CABINET_TEXT_LANGUAGE.
--   The terms of texts with such words are deleted, and workers make them again. Until then, searches find
--   these texts by meaning only. Workers begin after ten minutes, in which those of earlier versions can be
--   replaced, since they would make the same terms as before.
-- Lock: none on tables; row locks on what is deleted from chunk_terms and message_terms, and on term_jobs.
-- On 10M rows: two minutes for 10M chunks of 1 kB, and seconds more for each million terms deleted.
-- Serves: terms/claim, terms/list_chunks, terms/list_messages
-- Rollback loses: the terms of the same texts; workers of the earlier version make them again.
-- depends: 0037.key_collections
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
    now() + interval '10 minutes' as due_at
from (
    select c.user_id
    from deleted_chunks as c
    union
    select m.user_id
    from deleted_messages as m
) as d
on conflict (user_id) do update
    set chunk_id = null, conversation_id = null, position = null, due_at = excluded.due_at;
