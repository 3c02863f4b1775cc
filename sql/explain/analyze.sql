-- explain/analyze :explain
-- Runs the statement whose text follows this one, with the parameters that are bound to it, and tells its
-- plan, with times, rows and pages, in place of its rows. Parameters that are bound make a custom plan. The
-- caller undoes what was written.
explain (analyze, buffers, settings, format json)
