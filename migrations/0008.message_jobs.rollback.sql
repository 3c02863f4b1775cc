drop table if exists message_vectors;
drop table message_jobs;
