alter table conversations drop column expires_at;
alter table documents drop column expires_at;
alter table documents drop column replaces;
alter table documents drop column content_hash;
