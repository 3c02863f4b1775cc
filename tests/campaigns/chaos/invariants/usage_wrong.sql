-- usage_wrong
-- Users whose counted usage is less than what was certainly done for them, or more than what they asked for.
select
    t.user_id,
    t.counter,
    t.least,
    t.most,
    u.counted
from told_usage as t
cross join lateral (
    select
        coalesce(
            sum(
                case t.counter
                    when 'requests' then d.requests
                    when 'searches' then d.searches
                    when 'uploads' then d.uploads
                    when 'bytes' then d.bytes
                    when 'messages' then d.messages
                end
            ),
            0
        )::int8 as counted
    from usage_days as d
    where d.user_id = t.user_id
) as u
where u.counted not between t.least and t.most;
