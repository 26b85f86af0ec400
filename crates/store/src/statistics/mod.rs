//! The figures: what became of the mails that were sent in a period.
//!
//! **A period chooses mails by when they were sent, and its figures tell what became of those until now, whenever that
//! happened.** So the parts of a rate belong to the same mails, none is above 100 % because of yesterday's mails, and the
//! buckets of a chart add up to the total. The price: the figures of the last hours still grow. A chart by the times of
//! events would need other rates, and is none of these.
//!
//! Everything is counted from events and times, never from a mail's current status. What a mail's recipients' rows tell
//! comes first; where an application has stored parts of events only, which name nobody, the times in the mail's own row
//! stand in, for one recipient.

mod address;
mod figures;
mod keeper;
mod kept;
mod overview;
mod period;
mod quarter;
mod related;
pub(crate) mod removed;
mod templates;
mod warnings;
mod worst;

pub use address::{
    ADDRESS_MAILS_MAX, AddressMail, AddressMailPage, AddressReport, AddressTotals, BlockCause,
};
pub use figures::{Figures, Rate, Rates, SEEN_MAILS_MIN, Seen, SeenTypes};
pub use keeper::{FigureKeeper, KeepReport};
pub use kept::Freshness;
pub use overview::{Bucket, Overview};
pub use period::{BUCKETS_MAX, BadPeriod, BadTimeZone, BucketWidth, PERIOD_DAYS_MAX, Period, TimeZoneName};
pub(crate) use quarter::quarter_start;
pub use related::{RELATED_DAYS, RELATED_MAILS_MAX, RelatedMails};
pub use templates::{
    TEMPLATES_MAX, TemplateFigures, TemplateOrder, TemplatePage, TemplateQuery, TemplateTrend,
};
pub use warnings::{
    Alarm, BOUNCE_WARNING_PERCENT, COMPLAINT_WARNING_PERCENT, QUARANTINE_WARNING_AGE, SILENCE_WARNING_AGE,
    Signals, Silence,
};
pub use worst::{
    BOUNCE_LATE_MAX, BounceReason, DomainFigures, LinkFigures, TEMPLATE_BOUNCES_MAX, TemplateBounces,
    WORST_ROWS_MAX,
};

use crate::QueryError;

/// A question about figures that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    /// The time zone is none that the database knows.
    #[error("the database knows no time zone `{0}`; name one like `Europe/Tallinn` or `UTC`")]
    TimeZone(String),
    /// The chart would have too many points.
    #[error("a chart has {BUCKETS_MAX} points at most: choose days in place of hours, or a shorter period")]
    TooManyBuckets,
    /// The database gave no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl From<tokio_postgres::Error> for FiguresError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Query(error.into())
    }
}

impl From<deadpool_postgres::PoolError> for FiguresError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Query(error.into())
    }
}

/// A number that SQL counted.
fn count(row: &tokio_postgres::Row, column: &str) -> Result<u64, tokio_postgres::Error> {
    Ok(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0))
}

#[cfg(test)]
mod tests;
