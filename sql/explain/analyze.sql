-- explain/analyze :explain
-- Runs the statement that follows and returns its plan with times, rows and pages instead of its rows. With
-- bound parameters, this is a custom plan. The caller rolls back.
explain (analyze, buffers, settings, format json)
