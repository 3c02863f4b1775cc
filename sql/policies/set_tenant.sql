-- policies/set_tenant :template
-- Names the tenant of the statements that follow in this transaction, for the policies: `:tenant` is a user's
-- id, or `all`. It is sent together with the BEGIN of a statement's transaction, so it has no parameter.
set local cabinet.user_id = ':tenant';
