select
    u.id,
    u.email,
    u.name,
    u.plan,
    encode(sha256(convert_to(u.id::text, 'UTF8')), 'hex') as api_key,
    u.created_at at time zone 'UTC' as created_at,
    u.updated_at at time zone 'UTC' as updated_at
from users as u;
