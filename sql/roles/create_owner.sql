-- roles/create_owner :ddl
-- The owner of the schema; `cabinet migrate` and `cabinet index` connect as it. Set its password yourself
-- (\password in psql). Skip this if the role exists.
create role :owner_role login;
