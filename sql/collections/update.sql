-- collections/update :exec
-- Updates the given fields of a collection, which counts as a use of it and restarts its expiry.
-- $1 user_id           uuid        the tenant
-- $2 collection_id     uuid
-- $3 set_name          bool        whether to set the name
-- $4 name              text null   null: none
-- $5 set_description   bool        whether to set the description
-- $6 description       text null   null: none
-- $7 metadata          jsonb null  null: unchanged
-- $8 set_expires_after bool        whether to set expires_after_s
-- $9 expires_after_s   int8 null   null: never
-- index: collections_pkey
update collections as c
set
    name = case when $3::bool then $4::text else c.name end,
    description = case when $5::bool then $6::text else c.description end,
    metadata = coalesce($7::jsonb, c.metadata),
    expires_after_s = case when $8::bool then $9::int8 else c.expires_after_s end,
    expires_at = now() + case when $8::bool then $9::int8 else c.expires_after_s end * interval '1 second',
    expired_at = null,
    last_active_at = now(),
    updated_at = now()
where c.user_id = $1::uuid and c.id = $2::uuid;
