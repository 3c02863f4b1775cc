-- users/merge_preferences :value
-- Applies a JSON merge patch (RFC 7396) to a user's preferences and returns the result, for the caller to
-- check before it commits.
-- $1 user_id uuid   the tenant
-- $2 patch   jsonb
-- returns: preferences jsonb null
-- index: users_pkey
update users as u
set preferences = json_merge_patch(u.preferences, $2::jsonb), updated_at = now()
where u.id = $1::uuid
returning u.preferences;
