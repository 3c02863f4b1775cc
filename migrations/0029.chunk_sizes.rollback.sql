alter table documents drop column chunk_sizes;
