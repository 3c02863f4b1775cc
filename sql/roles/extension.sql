-- roles/extension :ddl
-- pgvector, which only a superuser may install.
create extension if not exists vector;
