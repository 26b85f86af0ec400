-- Nobody may be erased while the table of those who were is about to go.
LOCK TABLE "prefix".aftersend_erased IN SHARE ROW EXCLUSIVE MODE
