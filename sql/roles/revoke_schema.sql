-- roles/revoke_schema :ddl
-- No other role creates tables or functions in the schema that the service uses. This is the default of the
-- server since PostgreSQL 15, but not in a database that was upgraded.
revoke create on schema :schema_name from public;
