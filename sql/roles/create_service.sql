-- roles/create_service :ddl
-- The role of the service: it owns nothing and is not a superuser. Set its password yourself (\password in
-- psql). Skip this if the role exists.
create role :service_role login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
