-- Waits for a look at old events that is under way, and keeps others from beginning until this transaction ends. Those who
-- store old events do not wait for each other here.
LOCK TABLE "prefix".aftersend_retention IN ROW EXCLUSIVE MODE
