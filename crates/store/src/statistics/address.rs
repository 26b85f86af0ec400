//! Everything about one address.

use std::collections::BTreeMap;

use aftersend_event::RecipientState;
use jiff::Timestamp;
use uuid::Uuid;

use super::{FiguresError, count};
use crate::{
    Block, Cursor, MailSummary, QueryError, Recipient, Store, blocklist::spellings, recipients::TIMED,
    search::rows_max, sql::Statement,
};

/// Mails to an address that are looked up by it at most: the newest. A person has fewer; a team's collecting address may
/// have more.
pub const ADDRESS_MAILS_MAX: i64 = 10_000;

/// Mails on one page at most.
const PAGE_MAILS_MAX: usize = 500;

/// How often each thing befell an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressTotals {
    /// Mails that went to it, of which any event has arrived.
    pub mails: u64,
    /// In how many of these each thing befell it, whatever befell it besides.
    pub by_state: BTreeMap<RecipientState, u64>,
    /// Whether there are more than [`ADDRESS_MAILS_MAX`], of which the newest were counted.
    pub truncated: bool,
}

/// The event that blocked an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCause {
    /// The mail that bounced or was complained about.
    pub mail: Uuid,
    /// The event.
    pub event: Uuid,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// Everything about one address but its mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressReport {
    /// The address alone, in lower case.
    pub address: String,
    /// How often each thing befell it.
    pub totals: AddressTotals,
    /// How it is blocked; also a block that has run out, which says so.
    pub block: Option<Block>,
    /// The event that blocked it, where one did and is still there.
    pub cause: Option<BlockCause>,
}

/// A mail to an address.
#[derive(Clone, Debug)]
pub struct AddressMail {
    /// The mail.
    pub mail: MailSummary,
    /// What became of it for this address; nothing where only the mail's own row tells of it.
    pub recipient: Option<Recipient>,
}

/// A page of mails to an address.
#[derive(Clone, Debug, Default)]
pub struct AddressMailPage {
    /// Newest first.
    pub mails: Vec<AddressMail>,
    /// Where the next page of older mails begins, if there are any.
    pub older: Option<Cursor>,
}

impl Store {
    /// Everything about one address but its mails.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_address(&self, address: &str) -> Result<AddressReport, FiguresError> {
        // An application may have spelled its block in another way.
        let block = self.find_block(address).await?;
        let address = spellings(address).swap_remove(0);
        let totals = self.address_totals(&address).await?;
        let cause = match &block {
            Some(block) => self.block_cause(&address, block).await?,
            None => None,
        };
        Ok(AddressReport { address, totals, block, cause })
    }

    async fn address_totals(&self, address: &str) -> Result<AddressTotals, FiguresError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::AddressTotals)).await?;
        let row = client.query_one(&statement, &[&address, &(ADDRESS_MAILS_MAX + 1)]).await?;
        let mut by_state = BTreeMap::new();
        for state in TIMED {
            let mails = count(&row, &state.to_string())?;
            if mails > 0 {
                by_state.insert(state, mails);
            }
        }
        let truncated = row.try_get::<_, i64>("seen")? > ADDRESS_MAILS_MAX;
        Ok(AddressTotals { mails: count(&row, "mails")?, by_state, truncated })
    }

    async fn block_cause(&self, address: &str, block: &Block) -> Result<Option<BlockCause>, FiguresError> {
        let event_type = match block.reason.as_str() {
            "hard_bounce" => "bounce",
            "complaint" => "complaint",
            // A person's or an application's own.
            _ => return Ok(None),
        };
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::BlockCause)).await?;
        let row = client
            .query_opt(&statement, &[&address, &event_type, &block.updated_at, &ADDRESS_MAILS_MAX])
            .await?;
        let read = |row: &tokio_postgres::Row| {
            Ok(BlockCause {
                mail: row.try_get("email_log_uuid")?,
                event: row.try_get("uuid")?,
                occurred_at: row.try_get("occurred_at")?,
            })
        };
        let cause: Result<Option<BlockCause>, tokio_postgres::Error> = row.as_ref().map(read).transpose();
        Ok(cause?)
    }

    /// A page of the mails to an address, newest first, also those that only their own row tells of.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn list_mails_to(
        &self,
        address: &str,
        older_than: Option<Cursor>,
        mails_max: usize,
    ) -> Result<AddressMailPage, QueryError> {
        let mails_max = mails_max.clamp(1, PAGE_MAILS_MAX);
        let (sent_at, uuid) = older_than.map_or((Timestamp::MAX, Uuid::max()), Cursor::place);
        let spellings = spellings(address);
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::MailsToAddress)).await?;
        let rows = client
            .query(
                &statement,
                &[&spellings[0], &spellings, &sent_at, &uuid, &ADDRESS_MAILS_MAX, &rows_max(mails_max)],
            )
            .await?;
        let read = |row: &tokio_postgres::Row| {
            let is_known = row.try_get::<_, Option<String>>("address")?.is_some();
            let recipient = if is_known { Some(Recipient::from_row(row)?) } else { None };
            Ok(AddressMail { mail: MailSummary::from_row(row)?, recipient })
        };
        let mut mails = rows.iter().map(read).collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
        let more = mails.len() > mails_max;
        mails.truncate(mails_max);
        let older = mails.last().filter(|_| more).map(|last| last.mail.cursor());
        Ok(AddressMailPage { mails, older })
    }
}
