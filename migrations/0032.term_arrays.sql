-- Why: the shares of a tenant's terms become two arrays in term_samples. A row for each term took 110 bytes,
--   so only terms in 0.2 % of a sample were kept; an array takes 8, so all terms that occur twice are.
--   term_stats is not written any more. It stays until servers of version 0.1.0 are gone, which read it.
-- Lock: ACCESS EXCLUSIVE on term_samples for milliseconds, since constant defaults rewrite no row; then row
--   locks, for which only the workers' counting waits.
-- On 10M rows: half a minute for 10M rows of term_stats.
-- Serves: search/term_shares, terms/sample_chunks, terms/sample_messages
-- Rollback loses: the shares that were counted since; workers count again when a tenant has changed.
-- depends: 0031.declared_charsets
alter table term_samples
add column terms integer[] not null default '{}',
add column shares real[] not null default '{}';

alter table term_samples alter column terms set storage external;

alter table term_samples alter column shares set storage external;

comment on column term_samples.terms is
'The terms that occur in at least two of the sampled texts, ascending; the most frequent ones if they are '
'very many.';
comment on column term_samples.shares is
'For each of these terms the share of the sampled texts that contain it, above 0 and at most 1.';
comment on column term_samples.other_share is
'The share of the texts that is assumed to contain any other term.';

update term_samples as p
set terms = s.terms, shares = s.shares
from (
    select
        t.user_id,
        t.kind,
        array_agg(t.term order by t.term) as terms,
        array_agg(t.share order by t.term) as shares
    from term_stats as t
    group by t.user_id, t.kind
) as s
where p.user_id = s.user_id and p.kind = s.kind;
