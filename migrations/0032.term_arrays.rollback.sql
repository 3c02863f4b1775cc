alter table term_samples
drop column terms,
drop column shares;

comment on column term_samples.other_share is
'The share of the texts that is assumed to contain a term that is not in term_stats.';
