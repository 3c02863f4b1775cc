-- roles/create_service :ddl
-- The role of the service: it owns nothing and is no superuser. Give it a password yourself (\password in
-- psql). Leave this out where the role is there already.
create role :service_role login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
