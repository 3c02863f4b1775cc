-- psql runs this once in the database's image, when it creates the database. It creates Cabinet's two roles,
-- with the statements that `cabinet roles` prints, and their passwords.
\set owner_role cabinet_owner
\set service_role cabinet_service
\set database_name :DBNAME
\set schema_name public
\set owner_password `cat "${CABINET_SECRETS:-/run/secrets}/owner_password"`
\set service_password `cat "${CABINET_SECRETS:-/run/secrets}/service_password"`

\ir ../sql/roles/create_owner.sql
\ir ../sql/roles/create_service.sql
\ir ../sql/roles/extension.sql
\ir ../sql/roles/revoke_database.sql
\ir ../sql/roles/grant_database.sql
\ir ../sql/roles/revoke_schema.sql
\ir ../sql/roles/grant_schema_owner.sql
\ir ../sql/roles/grant_schema_service.sql

alter role :owner_role password :'owner_password';
alter role :service_role password :'service_password';
