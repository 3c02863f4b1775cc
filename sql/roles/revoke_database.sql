-- roles/revoke_database :ddl
-- Nobody connects to the database, or makes temporary tables in it, because they have a login on the server.
revoke all on database :database_name from public;
