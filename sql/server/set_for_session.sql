-- server/set_for_session :value
-- Changes a setting of the migrating session, such as the time that it waits for a lock.
-- $1 setting text
-- $2 value   text
-- returns: value text
select set_config($1::text, $2::text, false) as value;
