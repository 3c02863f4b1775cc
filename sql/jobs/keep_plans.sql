-- jobs/keep_plans :value
-- In a transaction that stores or moves many rows: determines whether the following statements, and the
-- queries that check their foreign keys, use generic plans until the transaction ends or this statement runs
-- again. Otherwise the check is planned for each row.
-- $1 is_planned_once boolean
-- returns: plan_mode text
select
    set_config(
        'plan_cache_mode',
        case when $1::boolean then 'force_generic_plan' else 'force_custom_plan' end,
        true
    ) as plan_mode;
