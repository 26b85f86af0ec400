-- Nothing may be parked between the count of rows and the drop of their column.
LOCK TABLE "prefix".phoenix_kit_email_orphaned_events IN ACCESS EXCLUSIVE MODE
