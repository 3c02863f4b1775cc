-- terms/forget_shares :exec
-- In the same transaction: deletes the shares of the previous sample.
-- $1 user_id uuid  the tenant
-- $2 kind    text  chunk | message
-- index: term_stats_pkey
delete from term_stats as s
where s.user_id = $1::uuid and s.kind = $2::text;
