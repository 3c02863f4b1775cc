drop table term_jobs;
drop table term_stats;
drop table term_samples;
drop table message_terms;
drop function changed_keys(integer[], integer);
drop table chunk_terms;
