-- Nothing may be written between the count of bodies and the drop of their table.
LOCK TABLE "prefix".aftersend_bodies IN ACCESS EXCLUSIVE MODE
