-- roles/revoke_database :ddl
-- A login on the server alone does not allow connecting to the database or creating temporary tables in it.
revoke all on database :database_name from public;
