-- policies/leakproof :ddl
-- Lets a search by keywords use its index under row level security: PostgreSQL evaluates a policy before any
-- function that is not marked as leakproof, which could reveal the values of other users in its messages. The
-- messages of this one, for the operator && of arrays, contain no values. Without the mark, a search reads
-- the terms of all chunks of the user. Only a superuser may set it; `alter function … not leakproof` removes
-- it.
alter function arrayoverlap(anyarray, anyarray) leakproof;
