-- Waits for all who store events and have read who was erased; whoever comes later reads it anew.
LOCK TABLE "prefix".aftersend_erased IN ACCESS EXCLUSIVE MODE
