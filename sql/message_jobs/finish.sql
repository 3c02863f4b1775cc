-- message_jobs/finish :exec
-- Removes a job, unless messages were appended in the meantime.
-- $1 user_id         uuid  the tenant
-- $2 conversation_id uuid
-- $3 lease           uuid  of the claim
-- $4 position        int8  the last position that is done
-- index: message_jobs_pkey, messages_pkey, message_vectors_pkey
delete from message_jobs as j
where
    j.user_id = $1::uuid
    and j.conversation_id = $2::uuid
    and j.lease = $3::uuid
    and not exists (
        select m.position
        from messages as m
        where
            m.user_id = $1::uuid
            and m.conversation_id = $2::uuid
            and m.position > $4::int8
            and m.content is not null
            and not exists (
                select v.piece
                from message_vectors as v
                where v.user_id = $1::uuid and v.conversation_id = $2::uuid and v.position = m.position
            )
    );
