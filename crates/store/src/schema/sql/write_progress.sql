-- What other sessions read to see how far a step is. One row, kept by its key.
INSERT INTO "prefix".aftersend_progress AS progress (
    singleton, step, direction, phase, done, total, unit, percent, waits_for, server_pid, phase_began_at, updated_at
)
VALUES (true, $1, $2, $3, $4, $5, $6, $7, $8, $9, now(), now())
ON CONFLICT (singleton) DO UPDATE
SET step = excluded.step,
    direction = excluded.direction,
    phase = excluded.phase,
    done = excluded.done,
    total = excluded.total,
    unit = excluded.unit,
    percent = excluded.percent,
    waits_for = excluded.waits_for,
    server_pid = excluded.server_pid,
    phase_began_at = CASE
        WHEN progress.phase = excluded.phase AND progress.step = excluded.step THEN progress.phase_began_at
        ELSE excluded.phase_began_at
    END,
    updated_at = excluded.updated_at
