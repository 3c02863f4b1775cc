-- import/usage_days :copy
-- The daily usage of an imported user.
-- $1 user_id  uuid  the tenant
-- $2 day      date
-- $3 slot     int
-- $4 requests int8
-- $5 searches int8
-- $6 uploads  int8
-- $7 bytes    int8
-- $8 messages int8
-- $9 tokens   int8
copy usage_days (
    user_id, day, slot, requests, searches, uploads, bytes, messages, tokens
) from stdin with (format binary);
