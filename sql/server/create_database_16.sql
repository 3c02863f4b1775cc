-- server/create_database_16 :ddl
-- The embedded database on PostgreSQL 16, with the Unicode locale of the C library.
create database cabinet template template0 encoding 'UTF8' locale 'C.UTF-8';
