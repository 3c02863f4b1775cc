drop table tenant_totals;
drop table chunks;
