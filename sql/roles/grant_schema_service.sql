-- roles/grant_schema_service :ddl
-- The service finds what is in the schema, and makes nothing there.
grant usage on schema :schema_name to :service_role;
