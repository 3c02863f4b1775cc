-- explain/prepare :explain
-- Prepares the statement that follows, for explain/execute and explain/generic.
prepare explained as
