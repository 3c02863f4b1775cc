-- roles/revoke_schema :ddl
-- Nobody else makes tables or functions where the service looks for its own. The server's own default since
-- PostgreSQL 15, but not in a database that was upgraded.
revoke create on schema :schema_name from public;
