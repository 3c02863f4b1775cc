-- server/create_database_18 :ddl
-- The embedded database on PostgreSQL 17 and later, with the built-in Unicode locale, which is the same on
-- every machine.
create database cabinet
template template0 encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' locale 'C';
