//! Step a6: sums of figures by domains, reasons of bounces and links.

use super::tables::Tables;

/// Taken up, it asks whoever keeps figures to count all there is once more: that takes minutes for millions of mails, and is no
/// migration's. What is lost when it goes down is told again by the mails and their events.
pub(in crate::schema) static STEP: Tables = Tables {
    objects: &[
        "aftersend_domains_by_quarter",
        "aftersend_domains_by_day",
        "aftersend_domains_by_day_harmed_idx",
        "aftersend_domains_by_template",
        "aftersend_domains_by_template_harmed_idx",
        "aftersend_bounces_by_quarter",
        "aftersend_bounces_by_day",
        "aftersend_links_by_quarter",
        "aftersend_links_by_template",
    ],
    up: include_str!("../sql/a6_up.sql"),
    down: include_str!("../sql/a6_down.sql"),
    locks: &[],
};
