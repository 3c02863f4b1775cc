-- tokens_counted_twice
-- Users whose tokens of this month differ between the ledger of usage and the count that the plan limits.
select
    t.user_id,
    t.token_count,
    coalesce(sum(d.tokens), 0) as ledger_tokens
from tenant_totals as t
left join usage_days as d on t.user_id = d.user_id and date_trunc('month', d.day::timestamp)::date = t.token_month
where t.token_month is not null
group by t.user_id, t.token_count
having t.token_count <> coalesce(sum(d.tokens), 0);
