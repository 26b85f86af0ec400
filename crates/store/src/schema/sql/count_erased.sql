-- How many people were erased: what keeps their late events away stands nowhere else.
SELECT count(*) FROM "prefix".aftersend_erased
