-- Waits for all who are about to commit old events, and for other looks at these; whoever comes later waits for this one.
LOCK TABLE "prefix".aftersend_retention IN SHARE ROW EXCLUSIVE MODE
