-- roles/create_owner :ddl
-- The owner of the schema, as whom `cabinet migrate` and `cabinet index` connect. Give it a password yourself
-- (\password in psql). Leave this out where the role is there already.
create role :owner_role login;
