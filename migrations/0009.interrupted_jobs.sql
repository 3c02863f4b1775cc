-- Why: a document must not end in an error because its worker was stopped, or waited for a lock. So the
--   queues count the attempts that failed apart from those that were interrupted: the worker died, or lost
--   the database. The second number has a limit of its own, which ends a document that kills its worker
--   each time.
-- Lock: ACCESS EXCLUSIVE on ingestion_jobs and message_jobs, for milliseconds: a default that is a constant
--   rewrites no row.
-- On 10M rows: milliseconds.
-- Serves: ingest/claim, ingest/postpone, ingest/release, message_jobs/claim, message_jobs/postpone,
--   message_jobs/release, message_jobs/charge, documents/retry, documents/retry_many,
--   documents/transfer_release
-- Rollback loses: the number of interrupted attempts of each job that is queued.
-- depends: 0008.usage_flushes
alter table ingestion_jobs add column interruptions integer not null default 0;

comment on column ingestion_jobs.interruptions is
'Claims whose end no worker has reported: the worker died, or lost the database, or still has the job. '
'Limited by CABINET_WORKER_MAX_INTERRUPTIONS.';
comment on column ingestion_jobs.tries is
'Attempts that failed since the job was last queued by a person; limited by CABINET_WORKER_MAX_ATTEMPTS. '
'A worker that waited for a lock, was stopped or lost its lease does not count.';

alter table message_jobs add column interruptions integer not null default 0;

comment on column message_jobs.interruptions is
'As in ingestion_jobs, since vectors were last stored.';
comment on column message_jobs.tries is 'As in ingestion_jobs.';
