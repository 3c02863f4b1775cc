-- roles/grant_schema_owner :ddl
-- The owner creates the tables, their indexes and, before PostgreSQL 18, the function uuidv7().
grant usage, create on schema :schema_name to :owner_role;
