-- conversations/erase_messages :one
-- Deletes a batch of the first messages of a conversation and of the first of their vectors and terms, after
-- conversations/hold in the transaction that deletes a conversation with too many messages for one statement.
-- Returns the number of deleted rows of each table; if all are less than `max_rows`, none is left.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 max_rows        int   of each table
-- returns: messages int8, message_vectors int8, message_terms int8
-- index: messages_pkey, message_vectors_pkey, message_terms_pkey
with vectors as materialized (
    select
        v.position,
        v.piece
    from message_vectors as v
    where v.user_id = $1::uuid and v.conversation_id = $2::uuid
    order by v.position, v.piece
    limit $3::int
),

terms as materialized (
    select t.position
    from message_terms as t
    where t.user_id = $1::uuid and t.conversation_id = $2::uuid
    order by t.position
    limit $3::int
),

texts as materialized (
    select m.position
    from messages as m
    where m.user_id = $1::uuid and m.conversation_id = $2::uuid
    order by m.position
    limit $3::int
),

erased_vectors as (
    delete from message_vectors as v
    using vectors as f
    where
        v.user_id = $1::uuid
        and v.conversation_id = $2::uuid
        and v.position = f.position
        and v.piece = f.piece
    returning v.piece
),

erased_terms as (
    delete from message_terms as t
    using terms as f
    where t.user_id = $1::uuid and t.conversation_id = $2::uuid and t.position = f.position
    returning t.position
),

erased_messages as (
    delete from messages as m
    using texts as f
    where m.user_id = $1::uuid and m.conversation_id = $2::uuid and m.position = f.position
    returning m.position
),

planned_once as (
    select set_config('plan_cache_mode', 'force_generic_plan', true) as plan_mode
)

select
    (select count(*) from erased_messages) as messages,
    (select count(*) from erased_vectors) as message_vectors,
    (select count(*) from erased_terms) as message_terms
where (select count(*) from planned_once) >= 0;
