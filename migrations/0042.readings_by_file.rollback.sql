drop index concurrently if exists document_contents_left_over_idx;

drop index concurrently if exists documents_readings_idx;
