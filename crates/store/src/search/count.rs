//! How many mails fit: exactly where that is cheap.

use std::{fmt, time::Duration};

use tokio::time::Instant;

use super::{
    filter::{Filter, Parameter},
    find::{Columns, Counting, Direction, Finder, Pace, Question, Reading, ask, whole_condition},
    page::Cursor,
    query::{Clock, Query},
};
use crate::{QueryError, Store, connect::Reader};

/// Mails that are counted one by one at most.
pub const COUNT_MAILS_MAX: u64 = 10_000;

/// How long counting them may take, before an estimate does.
const COUNT_BUDGET: Duration = Duration::from_millis(150);

/// Of fewer mails that fit, among those that were walked, nothing is concluded for all.
const FITTING_MIN: i64 = 20;

/// How long an estimate may take, which reads no table.
const ESTIMATE_BUDGET: Duration = Duration::from_secs(1);

/// New mails that are counted at most.
pub const NEW_MAILS_MAX: usize = 100;

/// How long looking for new mails may take.
const NEW_MAILS_BUDGET: Duration = Duration::from_millis(500);

/// How many mails fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailCount {
    /// Counted one by one.
    Exactly(u64),
    /// PostgreSQL's estimate. For parts of texts it may be wrong by far.
    About(u64),
}

impl fmt::Display for MailCount {
    /// `1,204`, or `about 1.2 million`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exactly(count) => f.write_str(&grouped(count)),
            Self::About(count) => write!(f, "about {}", rounded(count)),
        }
    }
}

/// With commas between thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// To two digits, as far as an estimate is worth.
fn rounded(count: u64) -> String {
    let unit = 10_u64.pow(count.checked_ilog10().unwrap_or(0).saturating_sub(1));
    let count = (count + unit / 2) / unit * unit;
    match count {
        0..1_000_000 => grouped(count),
        1_000_000..10_000_000 => format!("{}.{} million", count / 1_000_000, count % 1_000_000 / 100_000),
        1_000_000_000.. => format!("{} million", grouped(count / 1_000_000)),
        _ => format!("{} million", count / 1_000_000),
    }
}

/// How many mails that fit have come since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewMails {
    /// As many as were counted, up to [`NEW_MAILS_MAX`].
    pub count: usize,
    /// Whether there may be more.
    pub or_more: bool,
}

impl Store {
    /// How many mails fit: exactly up to [`COUNT_MAILS_MAX`] if that takes no longer than a moment, else about.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn count_mails(&self, query: &Query, clock: &Clock) -> Result<MailCount, QueryError> {
        let mut client = self.reader().await?;
        let filter = Filter::of(self, &client, query, clock).await?;
        self.count_one_by_one(&mut client, &filter).await
    }

    /// How many mails fit, as far as the way to a page has not told.
    pub(super) async fn count_from(
        &self,
        client: &mut Reader,
        filter: &Filter,
        counting: Counting,
        (rows, fitting): (i64, i64),
    ) -> Result<MailCount, QueryError> {
        let is_too_many = counting == Counting::TooMany;
        if fitting >= FITTING_MIN && filter.row != "true" {
            // PostgreSQL knows how many mails there are of a time and a state, and the rows that were walked how many of them
            // fit. Its own guess of how common a part of a text is can be wrong by orders of magnitude.
            let all = Filter { set: "true".to_owned(), ..filter.clone() };
            let planned = self.planned(client, &estimate(&all)).await?;
            let share = fitting.unsigned_abs().saturating_mul(planned) / rows.unsigned_abs().max(1);
            if is_too_many || share > 2 * COUNT_MAILS_MAX {
                return Ok(MailCount::About(share.max(COUNT_MAILS_MAX)));
            }
        }
        if is_too_many {
            let planned = self.planned(client, &estimate(filter)).await?;
            return Ok(MailCount::About(planned.max(COUNT_MAILS_MAX)));
        }
        self.count_one_by_one(client, filter).await
    }

    async fn count_one_by_one(&self, client: &mut Reader, filter: &Filter) -> Result<MailCount, QueryError> {
        let counted = match ask(self, client, &count(filter), Reading::Anything, COUNT_BUDGET).await {
            Ok(rows) => rows.first().map(|row| row.try_get::<_, i64>(0)).transpose()?.map(i64::unsigned_abs),
            Err(QueryError::TimedOut) => None,
            Err(error) => return Err(error),
        };
        if let Some(counted) = counted.filter(|&counted| counted <= COUNT_MAILS_MAX) {
            return Ok(MailCount::Exactly(counted));
        }
        let planned = self.planned(client, &estimate(filter)).await?;
        Ok(MailCount::About(planned.max(counted.unwrap_or(0))))
    }

    async fn planned(&self, client: &mut Reader, estimate: &Question) -> Result<u64, QueryError> {
        let rows = ask(self, client, estimate, Reading::Anything, ESTIMATE_BUDGET).await?;
        let lines = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
        Ok(planned_rows(&lines).unwrap_or(0))
    }

    /// How many mails that fit were sent after the mail at that place.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn count_newer(
        &self,
        query: &Query,
        clock: &Clock,
        since: Cursor,
    ) -> Result<NewMails, QueryError> {
        let mut client = self.reader().await?;
        let filter = Filter::of(self, &client, query, clock).await?;
        let (forward, pace) = (Direction::Forward, Pace::NORMAL);
        let mut finder = Finder::new(self, &filter, Columns::Summary, forward, Some(since), pace);
        let deadline = Instant::now() + NEW_MAILS_BUDGET;
        let found = finder.find(&mut client, NEW_MAILS_MAX + 1, deadline).await?.len();
        Ok(NewMails { count: found.min(NEW_MAILS_MAX), or_more: !finder.ended })
    }
}

fn count(filter: &Filter) -> Question {
    let mut parameters = filter.parameters.clone();
    let condition = whole_condition(filter, &filter.set, Direction::Back, None, &mut parameters);
    let rows_max = i64::try_from(COUNT_MAILS_MAX + 1).unwrap_or(i64::MAX);
    let rows_max = parameters.add(Parameter::Number(rows_max));
    let sql = format!(
        r#"SELECT count(*) FROM (
               SELECT FROM "prefix".phoenix_kit_email_logs AS mail WHERE {condition} LIMIT {rows_max}
           ) AS counted"#
    );
    Question { sql, parameters }
}

fn estimate(filter: &Filter) -> Question {
    let mut parameters = filter.parameters.clone();
    let condition = whole_condition(filter, &filter.set, Direction::Back, None, &mut parameters);
    let sql = format!(r#"EXPLAIN SELECT FROM "prefix".phoenix_kit_email_logs AS mail WHERE {condition}"#);
    Question { sql, parameters }
}

/// The number of rows in the first line of a plan, `Index Scan … (cost=0.42..8.44 rows=1 width=0)`.
/// <https://www.postgresql.org/docs/current/using-explain.html>
fn planned_rows(plan: &[String]) -> Option<u64> {
    let (_, rows) = plan.first()?.split_once(" rows=")?;
    rows.split_once(' ')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_for_people() {
        for (count, exactly, about) in [
            (0, "0", "about 0"),
            (7, "7", "about 7"),
            (999, "999", "about 1,000"),
            (10_000, "10,000", "about 10,000"),
            (994_999, "994,999", "about 990,000"),
            (995_000, "995,000", "about 1.0 million"),
            (1_249_999, "1,249,999", "about 1.2 million"),
            (12_345_678, "12,345,678", "about 12 million"),
            (1_234_567_890, "1,234,567,890", "about 1,200 million"),
        ] {
            assert_eq!(MailCount::Exactly(count).to_string(), exactly);
            assert_eq!(MailCount::About(count).to_string(), about);
        }
    }

    #[test]
    fn the_rows_of_a_plan_are_read() {
        let line = |text: &str| vec![text.to_owned()];
        assert_eq!(
            planned_rows(&line("Bitmap Heap Scan on x  (cost=0.42..8.44 rows=1234 width=0)")),
            Some(1234)
        );
        assert_eq!(planned_rows(&line("Index")), None);
        assert_eq!(planned_rows(&[]), None);
    }
}
