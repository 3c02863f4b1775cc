-- explain/generic :explain
-- Like explain/execute, but does not run the statement: in a session whose plan_cache_mode is
-- force_generic_plan it returns the generic plan for any values, for example nulls. For the log of slow
-- statements, which contains no data of users.
explain (settings, format json) execute explained
