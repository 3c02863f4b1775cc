-- policies/set_receiver :template
-- Names the user who receives rows in this transaction, for the policies: `:receiver` is an id, or empty.
set local cabinet.receiver_id = ':receiver';
