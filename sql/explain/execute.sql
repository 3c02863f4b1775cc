-- explain/execute :explain
-- As explain/analyze, for a statement that the session has prepared under the name `explained`: its values
-- follow, in parentheses, as explain/literals gives them. Which plan is made, a custom or a generic one, is
-- what plan_cache_mode of the session says, so `cabinet sql explain` shows both.
explain (analyze, buffers, settings, format json) execute explained
