-- jobs/keep_plans :value
-- Inside a transaction that stores or moves many rows: whether the plans of the statements that follow, and
-- of the checks of their foreign keys, are kept, until it ends or this statement runs again. Otherwise the
-- check is planned for each row.
-- $1 is_planned_once boolean
-- returns: plan_mode text
select
    set_config(
        'plan_cache_mode',
        case when $1::boolean then 'force_generic_plan' else 'force_custom_plan' end,
        true
    ) as plan_mode;
