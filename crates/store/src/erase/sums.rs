//! Sums of mails that were removed: the one place where a name or a link may outlive its mail.
//!
//! Counts stay, and so do domains: the pseudonym has the same. A link or a template that names the person is another one from
//! then on, as it is where mails are here, and both are counted as one.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Erasure, Person, retry, sweep::patterns};
use crate::{
    IngestError,
    ingest::{marks::Marks, transaction::Writer},
    sql::Statement,
};

/// Rows that one question looks at: each has a quarter's links or domains.
const PAGE_ROWS: i64 = 200;

/// Before all sums, as PostgreSQL can hold it.
const BEGINNING_S: i64 = -62_135_596_800;

/// A row of sums that may name the person.
struct Sums {
    starts_at: Timestamp,
    delta: Uuid,
    templates: Vec<Option<String>>,
    links: Option<Vec<Option<String>>>,
}

impl Sums {
    fn from_row(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let (Some(starts_at), Some(delta)) = (row.try_get("starts_at")?, row.try_get("delta")?) else {
            return Ok(None);
        };
        let (templates, links) = (row.try_get("names")?, row.try_get("links")?);
        Ok(Some(Self { starts_at, delta, templates, links }))
    }

    fn clean(&mut self, person: &Person) -> bool {
        let mut is_changed = false;
        for text in self.templates.iter_mut().chain(self.links.iter_mut().flatten()) {
            if let Some(without) = text.as_ref().and_then(|text| person.without(text)) {
                *text = Some(without);
                is_changed = true;
            }
        }
        is_changed
    }
}

impl Erasure<'_> {
    pub(super) async fn sweep_sums(&mut self) -> Result<(), IngestError> {
        for (read, write) in [
            (Statement::ReadRemovedFiguresOfPerson, Statement::WriteRemovedFiguresOfPerson),
            (Statement::ReadRemovedDomainsOfPerson, Statement::WriteRemovedDomainsOfPerson),
            (Statement::ReadRemovedLinksOfPerson, Statement::WriteRemovedLinksOfPerson),
        ] {
            self.sweep_table_of_sums(read, write).await?;
        }
        Ok(())
    }

    async fn sweep_table_of_sums(&mut self, read: Statement, write: Statement) -> Result<(), IngestError> {
        let patterns = patterns(&self.person);
        let beginning = Timestamp::from_second(BEGINNING_S).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut after = (beginning, Uuid::nil());
        loop {
            let (rows, done, last) =
                retry(async || self.sweep_page_of_sums(read, write, after, &patterns).await).await?;
            self.report.sums += done;
            match last {
                Some(last) if rows >= PAGE_ROWS => after = last,
                _ => return Ok(()),
            }
        }
    }

    async fn sweep_page_of_sums(
        &self,
        read: Statement,
        write: Statement,
        after: (Timestamp, Uuid),
        patterns: &[String],
    ) -> Result<(i64, u64, Option<(Timestamp, Uuid)>), IngestError> {
        let mut client = self.store.writer().await?;
        let writer = Writer { store: self.store, transaction: client.build_transaction().start().await? };
        let read = writer.prepare(read).await?;
        let (mut rows, mut last) = (0, None);
        let mut named: Vec<Sums> = Vec::new();
        for row in writer.transaction.query(&read, &[&after.0, &after.1, &PAGE_ROWS, &patterns]).await? {
            rows = row.try_get("rows")?;
            let (at, delta): (Option<Timestamp>, Option<Uuid>) =
                (row.try_get("last_at")?, row.try_get("last_delta")?);
            last = at.zip(delta);
            named.extend(Sums::from_row(&row)?);
        }
        named.retain_mut(|sums| sums.clean(&self.person));
        if !self.is_dry && !named.is_empty() {
            let write = writer.prepare(write).await?;
            let mut marks = Marks::default();
            for sums in &named {
                writer
                    .transaction
                    .execute(&write, &[&sums.starts_at, &sums.delta, &sums.templates, &sums.links])
                    .await?;
                marks.add(sums.starts_at);
            }
            writer.mark_figures(marks).await?;
            writer.transaction.commit().await?;
        }
        Ok((rows, named.len() as u64, last))
    }
}
