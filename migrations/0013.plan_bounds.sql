-- Why: plans limit conversations, messages and API keys too, so that no user fills the database with them.
--   The totals count them, as they count documents, so that a limit is checked without counting rows.
-- Lock: ACCESS EXCLUSIVE on plans and tenant_totals for milliseconds: defaults that are constants rewrite no
--   row, and the constraints are validated by the next migration.
-- On 10M rows: milliseconds.
-- Serves: plans/*, usage/quotas, conversations/create, conversations/delete, messages/append, keys/create,
--   keys/revoke, users/create
-- Rollback loses: the limits of conversations, messages and keys, and the totals.
-- depends: 0012.filters
alter table plans
add column max_conversations bigint constraint plans_max_conversations_positive check (
    max_conversations >= 0
),
add column max_messages bigint constraint plans_max_messages_positive check (max_messages >= 0),
add column max_keys bigint constraint plans_max_keys_positive check (max_keys >= 1);

alter table tenant_totals
add column conversation_count bigint not null default 0,
add column message_count bigint not null default 0,
add column key_count bigint not null default 0,
add column conversation_limit bigint,
add column message_limit bigint,
add column key_limit bigint,
add constraint tenant_totals_conversations_quota check (conversation_count <= conversation_limit) not valid,
add constraint tenant_totals_messages_quota check (message_count <= message_limit) not valid,
add constraint tenant_totals_keys_quota check (key_count <= key_limit) not valid;

comment on column tenant_totals.message_count is 'Messages of all conversations.';
comment on column tenant_totals.key_count is 'API keys that are not revoked, including expired ones.';
