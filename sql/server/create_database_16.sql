-- server/create_database_16 :ddl
-- The embedded database on PostgreSQL 16: the C library's Unicode locale.
create database cabinet template template0 encoding 'UTF8' locale 'C.UTF-8';
