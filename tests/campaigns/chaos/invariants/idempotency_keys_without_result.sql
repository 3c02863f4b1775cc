-- idempotency_keys_without_result
-- Keys of requests that hold no result: a repeated request would find neither it nor its absence.
select
    k.user_id,
    k.route,
    k.key
from idempotency_keys as k
where k.result is null;
