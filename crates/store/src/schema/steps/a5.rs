//! Step a5: sums of figures, and marks of what is to be counted.

use super::tables::Tables;

/// Taken up, it asks whoever keeps figures to count all there is: that takes minutes for millions of mails, and is no migration's.
/// What is lost when it goes down is told again by the mails and their events.
pub(in crate::schema) static STEP: Tables = Tables {
    objects: &[
        "aftersend_figure_marks",
        "aftersend_figure_scan",
        "aftersend_figures_by_quarter",
        "aftersend_figures_by_template",
        "aftersend_figures_by_template_idx",
        "aftersend_figures_by_day",
        "aftersend_figures_by_day_idx",
    ],
    up: include_str!("../sql/a5_up.sql"),
    down: include_str!("../sql/a5_down.sql"),
    locks: &[],
};
