-- documents/lock_name :exec
-- First statement of the transaction of an upload that is skipped where the file is there: of such uploads of
-- one name the others wait until it is over, and then find what it has stored.
-- $1 user_id  uuid  the tenant
-- $2 filename text
select pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::text, 0));
