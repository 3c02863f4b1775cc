-- jobs/limit_transaction :one
-- First statement of a transaction in which a worker stores results: sets timeouts for this transaction only,
-- for waiting for a lock, for idling between two statements and, from PostgreSQL 17 on, for the whole
-- transaction. A stopped worker therefore holds its locks only for seconds. A transaction that stores rows
-- uses generic plans: otherwise the query that checks a foreign key is planned for each row, which takes
-- longer than storing the row.
-- $1 lock_ms         int
-- $2 idle_ms         int
-- $3 transaction_ms  int
-- $4 is_planned_once boolean  whether the following statements use generic plans
-- returns: lock_timeout text, idle_timeout text, transaction_timeout text null, plan_mode text null
select
    set_config('lock_timeout', $1::int::text, true) as lock_timeout,
    set_config('idle_in_transaction_session_timeout', $2::int::text, true) as idle_timeout,
    case
        when current_setting('transaction_timeout', true) is not null
            then set_config('transaction_timeout', $3::int::text, true)
    end as transaction_timeout,
    case
        when $4::boolean then set_config('plan_cache_mode', 'force_generic_plan', true)
    end as plan_mode;
