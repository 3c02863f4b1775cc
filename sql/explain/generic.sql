-- explain/generic :explain
-- As explain/execute, without running the statement: on a session whose plan_cache_mode is force_generic_plan
-- it tells the generic plan, whatever values follow, nulls for example. For the log of slow statements, which
-- holds no one's data.
explain (settings, format json) execute explained
