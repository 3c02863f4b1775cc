comment on column message_jobs.tries is null;
alter table message_jobs drop column interruptions;
comment on column ingestion_jobs.tries is
'Claims since the job was last queued by a person; limited by CABINET_WORKER_MAX_ATTEMPTS.';
alter table ingestion_jobs drop column interruptions;
