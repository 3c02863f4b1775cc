-- Whether every tenant's terms were counted when they had about as many chunks as now.
select bool_and(coalesce(s.text_count, 0) * 1.2 >= t.chunk_count)
from tenant_totals as t
left join term_samples as s on t.user_id = s.user_id and s.kind = 'chunk'
where t.chunk_count > 0;
