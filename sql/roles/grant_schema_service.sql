-- roles/grant_schema_service :ddl
-- The service uses the objects of the schema and creates none.
grant usage on schema :schema_name to :service_role;
