//! Sums of figures by the quarter of an hour, kept beside the mails: counted anew where mails have changed.
//!
//! Whoever changes what figures are made of leaves marks in the same transaction: the quarters in which the mails were sent.
//! A keeper takes marks and replaces the sums of their quarters by a recount, in one transaction. A mark is seen together
//! with the change that it came with, and what is counted after it was taken sees at least as much; a change that commits
//! later has left a mark of its own. So nothing is added up, and no order of changes can make the sums drift.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::quarter::{QUARTER_S, day_start};
use crate::{IngestError, Store, sql::Statement};

/// Quarters that a round counts at most: a day. How many it does depends on how long the last ones took.
const ROUND_QUARTERS_MAX: usize = 96;

/// Quarters with mails that a round marks at most while it looks through a range.
const ROUND_MARKS_MAX: i64 = 500;

/// A round is meant to take less than this: its snapshot keeps PostgreSQL from clearing up.
const ROUND_LONG: Duration = Duration::from_secs(1);

/// A round that took less may take twice as many quarters the next time.
const ROUND_SHORT: Duration = Duration::from_millis(200);

/// For how long an old quarter may wait where rounds take long.
const WAIT_MAX_S: f64 = 300.0;

/// How often the last [`SWEPT_HOURS`] are looked through for what an application has written by itself.
const SWEEP_EVERY_S: f64 = 900.0;

/// Hours that are looked through then.
const SWEPT_HOURS: i32 = 48;

/// How long a round may take in all. A quarter of an hour with a million mails takes half a minute, and can't be counted by
/// parts.
const ROUND_TIMEOUT: Duration = Duration::from_mins(10);

/// What a keeper's transaction is set to. Compiling the plan takes longer than it saves; the server's limit speaks before
/// [`ROUND_TIMEOUT`].
const SETTINGS: &str = "SET LOCAL jit = off; SET LOCAL statement_timeout = '9min'";

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepReport {
    /// When it began, by the database's clock.
    pub began_at: Timestamp,
    /// Quarters of an hour that it counted.
    pub counted: usize,
    /// Whether there was nothing more that was due.
    pub is_through: bool,
    /// Whether something is still to be looked through for quarters to count.
    pub is_scanning: bool,
    /// Whether another keeper was at it, so that this one did nothing.
    pub is_elsewhere: bool,
}

/// Keeps the sums, some of them each round.
#[derive(Debug)]
pub struct FigureKeeper {
    store: Store,
    /// Quarters of the next round at most.
    quarters_max: usize,
    /// For how long an old quarter may wait in the next round.
    wait_max_s: f64,
    may_wait: bool,
}

impl FigureKeeper {
    /// A keeper for a store.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), quarters_max: 8, wait_max_s: 0.0, may_wait: true }
    }

    /// Lets no quarter wait, however long rounds take: for who waits for the end.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self { may_wait: false, ..self }
    }

    /// One round: one transaction that counts some quarters, the newest that are due. Any number of processes may do this at
    /// once: one of them works, the others see that.
    ///
    /// Cancel-safe: what was not committed is still marked. A database that does not answer is given up after ten minutes.
    ///
    /// # Errors
    ///
    /// When the database does not answer, may not be written to or is not as it should be. What was marked stays so.
    pub async fn round(&mut self) -> Result<KeepReport, IngestError> {
        let began = Instant::now();
        let keeping = tokio::time::timeout(ROUND_TIMEOUT, Box::pin(self.keep()));
        let report = keeping.await.unwrap_or_else(|_| {
            Err(IngestError::Away(format!("it did not answer within {} s", ROUND_TIMEOUT.as_secs())))
        });
        self.store.renew_writers_after(&report);
        self.pace(began.elapsed(), report.is_err());
        report
    }

    fn pace(&mut self, took: Duration, has_failed: bool) {
        if has_failed || took >= ROUND_LONG {
            self.quarters_max = (self.quarters_max / 2).max(1);
        } else if took < ROUND_SHORT {
            self.quarters_max = (self.quarters_max * 2).min(ROUND_QUARTERS_MAX);
        }
        self.wait_max_s = if took < ROUND_SHORT || !self.may_wait { 0.0 } else { WAIT_MAX_S };
    }

    async fn keep(&self) -> Result<KeepReport, IngestError> {
        let mut client = self.store.writer().await?;
        let transaction = client.build_transaction().start().await?;
        transaction.batch_execute(SETTINGS).await?;
        let keeping = Keeping { store: &self.store, transaction };
        let is_elsewhere = !keeping.is_first().await?;
        let mut counted = 0;
        if !is_elsewhere {
            keeping.scan().await?;
            let quarters = keeping.take_marks(self.quarters_max, self.wait_max_s).await?;
            keeping.count(&quarters).await?;
            counted = quarters.len();
        }
        let find = keeping.prepare(Statement::FindScan).await?;
        let row = keeping.transaction.query_one(&find, &[]).await?;
        let is_scanning: bool = row.try_get("is_scanning")?;
        let report = KeepReport {
            began_at: row.try_get("at")?,
            counted,
            is_through: !is_elsewhere && !is_scanning && counted < self.quarters_max,
            is_scanning,
            is_elsewhere,
        };
        keeping.transaction.commit().await?;
        Ok(report)
    }
}

/// A round's transaction.
struct Keeping<'a> {
    store: &'a Store,
    transaction: Transaction<'a>,
}

impl Keeping<'_> {
    async fn prepare(&self, statement: Statement) -> Result<tokio_postgres::Statement, IngestError> {
        Ok(self.transaction.prepare_cached(self.store.sql(statement)).await?)
    }

    /// Whether nobody else is at it. Two would replace each other's rows.
    async fn is_first(&self) -> Result<bool, IngestError> {
        let hash = Sha256::digest(format!("aftersend figures {}", self.store.prefix()).as_bytes());
        let key = i64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"));
        let lock = self.prepare(Statement::TryKeepFigures).await?;
        Ok(self.transaction.query_one(&lock, &[&key]).await?.try_get(0)?)
    }

    /// Marks some of what is to be looked through; now and then that is what was sent of late.
    async fn scan(&self) -> Result<(), IngestError> {
        let sweep = self.prepare(Statement::SweepFigures).await?;
        self.transaction.execute(&sweep, &[&SWEPT_HOURS, &SWEEP_EVERY_S]).await?;
        let scan = self.prepare(Statement::ScanFigures).await?;
        self.transaction.query_one(&scan, &[&ROUND_MARKS_MAX]).await?;
        Ok(())
    }

    async fn take_marks(&self, quarters_max: usize, wait_max_s: f64) -> Result<Vec<Timestamp>, IngestError> {
        let take = self.prepare(Statement::TakeFigureMarks).await?;
        let quarters_max = i64::try_from(quarters_max).unwrap_or(i64::MAX);
        let rows = self.transaction.query(&take, &[&quarters_max, &wait_max_s]).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    /// Replaces the sums of these quarters, which ascend.
    async fn count(&self, quarters: &[Timestamp]) -> Result<(), IngestError> {
        if quarters.is_empty() {
            return Ok(());
        }
        let days: BTreeSet<Timestamp> = quarters.iter().map(|quarter| day_start(*quarter)).collect();
        let days: Vec<Timestamp> = days.into_iter().collect();
        let forget = self.prepare(Statement::ForgetFigures).await?;
        self.transaction.execute(&forget, &[&quarters, &days]).await?;
        let keep = self.prepare(Statement::KeepFigures).await?;
        let (templates, templates_apart, rows_max) = (None::<Vec<String>>, true, i64::MAX);
        for run in runs(quarters) {
            self.transaction.execute(&keep, &[&run, &templates, &templates_apart, &rows_max]).await?;
        }
        let sum_quarters = self.prepare(Statement::SumQuarters).await?;
        self.transaction.execute(&sum_quarters, &[&quarters]).await?;
        let sum_days = self.prepare(Statement::SumDays).await?;
        self.transaction.execute(&sum_days, &[&days]).await?;
        self.count_lists(quarters).await
    }

    /// Keeps what these quarters tell by domains, reasons of bounces and links, and sums up the days of those of which that
    /// has changed: an open changes none of it.
    async fn count_lists(&self, quarters: &[Timestamp]) -> Result<(), IngestError> {
        let lists = [
            (Statement::KeepDomains, &[Statement::SumDomains][..]),
            (Statement::KeepBounces, &[Statement::ForgetBounces, Statement::SumBounces]),
            (Statement::KeepLinks, &[Statement::SumLinks]),
        ];
        let runs = runs(quarters);
        for (keep, sums) in lists {
            let keep = self.prepare(keep).await?;
            let mut days = BTreeSet::new();
            for run in &runs {
                for row in self.transaction.query(&keep, &[run, &None::<Vec<String>>]).await? {
                    days.insert(day_start(row.try_get(0)?));
                }
            }
            let days: Vec<Timestamp> = days.into_iter().collect();
            if days.is_empty() {
                continue;
            }
            for sum in sums {
                let sum = self.prepare(*sum).await?;
                self.transaction.execute(&sum, &[&days]).await?;
            }
        }
        Ok(())
    }
}

/// Quarters that follow each other, and behind them the end of the last. A statement over a gap would count that, too.
fn runs(quarters: &[Timestamp]) -> Vec<Vec<Timestamp>> {
    let end =
        |start: Timestamp| Timestamp::from_second(start.as_second() + QUARTER_S).unwrap_or(Timestamp::MAX);
    let mut runs: Vec<Vec<Timestamp>> = Vec::new();
    for &quarter in quarters {
        match runs.last_mut() {
            Some(run) if run.last() == Some(&quarter) => run.push(end(quarter)),
            _ => runs.push(vec![quarter, end(quarter)]),
        }
    }
    runs
}

impl Store {
    /// Has the mails that were sent in a range counted anew, by whoever keeps the figures: what is there is replaced
    /// quarter by quarter, and shown until then. No limit where there is none.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn recount_figures(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<(), IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let ask = client.prepare_cached(self.sql(Statement::AskScan)).await?;
            client.execute(&ask, &[&from, &to]).await?;
            Ok(())
        })
        .await
    }

    /// Quarters of an hour that were marked at that time or before, and have not been counted since.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn uncounted_quarters(&self, marked_until: Timestamp) -> Result<u64, IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let count = client.prepare_cached(self.sql(Statement::CountMarked)).await?;
            let row = client.query_one(&count, &[&marked_until]).await?;
            Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_at_gaps() {
        let second = |quarter: i64| Timestamp::from_second(quarter * QUARTER_S).unwrap();
        let quarters = [1, 2, 5, 7, 8, 9].map(second);
        let expected: Vec<Vec<Timestamp>> = [vec![1, 2, 3], vec![5, 6], vec![7, 8, 9, 10]]
            .map(|run| run.into_iter().map(second).collect())
            .into();
        assert_eq!(runs(&quarters), expected);
        assert!(runs(&[]).is_empty());
    }
}
