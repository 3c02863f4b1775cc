-- explain/execute :explain
-- Like explain/analyze, for a statement that the session has prepared as `explained`: its values follow in
-- parentheses, as explain/literals returns them. plan_cache_mode of the session decides between a custom and
-- a generic plan, so `cabinet sql explain` shows both.
explain (analyze, buffers, settings, format json) execute explained
