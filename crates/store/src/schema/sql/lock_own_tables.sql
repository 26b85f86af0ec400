-- Nothing may be written between the count of rows and the drop of their tables.
LOCK TABLE "prefix".aftersend_folded_events, "prefix".aftersend_ids, "prefix".aftersend_quarantine
IN ACCESS EXCLUSIVE MODE
