drop table tenant_totals;
drop table usage_days;
