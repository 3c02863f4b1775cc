-- collections/create :one
-- Creates a collection. No row: the user has the maximum number of collections, or does not exist.
-- $1 user_id         uuid        the tenant
-- $2 name            text null   null: none
-- $3 description     text null   null: none
-- $4 metadata        jsonb
-- $5 chunking        jsonb optional  null: as configured for the service
-- $6 expires_after_s int8 null   seconds after its last use; null: never
-- $7 max_collections int
-- returns: as collections/get
-- index: collections_pkey, users_pkey
with created as (
    insert into collections as c (
        user_id, name, description, metadata, chunking, expires_after_s, expires_at
    )
    select
        u.id as user_id,
        $2::text as name,
        $3::text as description,
        $4::jsonb as metadata,
        $5::jsonb as chunking,
        $6::int8 as expires_after_s,
        now() + $6::int8 * interval '1 second' as expires_at
    from users as u
    where
        u.id = $1::uuid
        and (
            select count(*)
            from (
                select o.id
                from collections as o
                where o.user_id = $1::uuid
                order by o.id
                limit $7::int
            ) as p
        ) < $7::int
    returning
        c.id,
        c.name,
        c.description,
        c.metadata,
        c.chunking,
        c.expires_after_s,
        c.expires_at,
        c.last_active_at,
        c.created_at,
        c.updated_at
)

select
    c.id,
    c.name,
    c.description,
    c.metadata,
    c.chunking,
    c.expires_after_s,
    c.expires_at,
    c.last_active_at,
    c.created_at,
    c.updated_at,
    0::int8 as processing_count,
    0::int8 as ready_count,
    0::int8 as error_count,
    0::int8 as cancelled_count,
    0::int8 as file_bytes,
    0::int8 as ready_bytes,
    true as is_counted
from created as c;
