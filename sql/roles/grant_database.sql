-- roles/grant_database :ddl
-- Both roles connect; neither has further privileges on the database as a whole.
grant connect on database :database_name to :owner_role, :service_role;
