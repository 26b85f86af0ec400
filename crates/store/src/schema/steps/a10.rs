//! Step a10: jobs that run by themselves, and what their last runs did.

use super::tables::Tables;

/// A job that is at work while it goes down goes on, and says that its result could not be written down.
pub(in crate::schema) static STEP: Tables = Tables {
    objects: &["aftersend_jobs", "aftersend_job_runs"],
    up: include_str!("../sql/a10_up.sql"),
    down: include_str!("../sql/a10_down.sql"),
    locks: &[],
};
