-- No event may be written between the removal of duplicates and the indexes that keep them out. The builds
-- would take as strong a lock anyway.
LOCK TABLE "prefix".phoenix_kit_email_events IN SHARE ROW EXCLUSIVE MODE
