-- roles/set_in_database :ddl
-- What a connection of the service must be set to, one statement for each setting. The service asks for these
-- itself when it opens a connection, so they are needed only behind a pooler that drops what it asks for. In a
-- session that is not a superuser's, run select '[1]'::vector first: it loads the settings of hnsw.
alter role :service_role in database :database_name set :setting = :value;
