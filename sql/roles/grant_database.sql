-- roles/grant_database :ddl
-- Both roles connect; neither may more with the database as a whole.
grant connect on database :database_name to :owner_role, :service_role;
