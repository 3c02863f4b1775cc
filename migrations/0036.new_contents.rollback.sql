alter table documents drop column has_new_content;
