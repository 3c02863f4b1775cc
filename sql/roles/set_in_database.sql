-- roles/set_in_database :ddl
-- The settings that connections of the service need, one statement for each. The service requests them when
-- it connects, so these statements are needed only behind a pooler that drops such requests. In a session
-- that is not a superuser's, run select '[1]'::vector first: it loads the settings of hnsw.
alter role :service_role in database :database_name set :setting = :value;
