-- explain/prepare :explain
-- Prepares the statement whose text follows this one, for explain/execute and explain/generic.
prepare explained as
