//! The blocklist as people see and change it. What events add to it is part of storing them.
//!
//! A block never weakens a stronger one. Whatever has an end is weaker than what has none, and of two with ends the later
//! is the stronger; among those without, a complaint is stronger than a hard bounce, and a reason of a person's or an
//! application's own stronger than both. Who wants to weaken a block takes it off first.

mod csv;

use std::collections::BTreeMap;

use aftersend_event::normalise_address;
use jiff::Timestamp;
use uuid::Uuid;

pub use csv::{
    BLOCK_LINE_BYTES_MAX, BlockLineError, BlockLines, CSV_HEADER, LineProblem, ListSeparator, csv_line,
};

use crate::{
    QueryError, Store,
    search::{like_pattern, rows_max},
    sql::Statement,
};

/// Blocks on one page at most.
pub const BLOCK_PAGE_MAX: usize = 1_000;

/// Blocks that are written in one transaction at most.
pub const BLOCK_BATCH_MAX: usize = 1_000;

/// Blocks that are counted at most.
pub const BLOCKS_COUNTED_MAX: u64 = 100_000;

/// Characters of an address and of a reason at most: what the columns hold.
const COLUMN_CHARS_MAX: usize = 255;

/// An address that is to get no mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The address as the row has it.
    pub address: String,
    /// `hard_bounce`, `complaint`, or a person's or an application's own words.
    pub reason: String,
    /// Until when; nothing for good.
    pub expires_at: Option<Timestamp>,
    /// Whether it still holds by the database's clock.
    pub holds: bool,
    /// Who asked for it, where somebody did.
    pub user: Option<Uuid>,
    /// When the address was first blocked, of those times that have left a row.
    pub inserted_at: Timestamp,
    /// When it got its reason and its end.
    pub updated_at: Timestamp,
}

impl Block {
    fn from_row(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            address: row.try_get("email")?,
            reason: row.try_get("reason")?,
            expires_at: row.try_get("expires_at")?,
            holds: row.try_get("holds")?,
            user: row.try_get("user_uuid")?,
            inserted_at: row.try_get("inserted_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// A block that a person asks for: an address and a reason that the columns hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBlock {
    address: String,
    reason: String,
    expires_at: Option<Timestamp>,
}

/// What can't be blocked, or for no such reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadBlock {
    /// It is no address.
    #[error("this is no address: it needs one `@` with something on both sides, and no spaces")]
    Address,
    /// What is behind the `@` is no host.
    #[error(
        "this is no address: behind the `@` stands a character that no domain has; letters, digits, dots, hyphens and \
         underscores may stand there, or an IP address in brackets"
    )]
    Host,
    /// The address is too long.
    #[error("the address is too long: {COLUMN_CHARS_MAX} characters at most")]
    AddressTooLong,
    /// There is no reason.
    #[error("a reason is missing: say in a word or two why the address gets no mail")]
    NoReason,
    /// The reason is too long or not one line.
    #[error("the reason is too long or not in one line: {COLUMN_CHARS_MAX} characters at most")]
    Reason,
    /// It ends before computers counted time.
    #[error("the end lies before 1970")]
    End,
}

impl NewBlock {
    /// Blocks an address for a reason, for good or until a time.
    ///
    /// # Errors
    ///
    /// When it is no address, when address or reason are too long, or when it ends before 1970.
    pub fn new(address: &str, reason: &str, expires_at: Option<Timestamp>) -> Result<Self, BadBlock> {
        let address = normalise_address(address);
        let parts = address.split_once('@');
        let parts =
            parts.filter(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'));
        let has_gap = address.contains(|c: char| c.is_whitespace() || c.is_control());
        let Some((_, host)) = parts.filter(|_| !has_gap) else { return Err(BadBlock::Address) };
        // No mail goes to such a host, so the block would keep nobody's mail back: it is the rest of a line, or a slip.
        if !host.chars().all(is_of_host) {
            return Err(BadBlock::Host);
        }
        if address.chars().count() > COLUMN_CHARS_MAX {
            return Err(BadBlock::AddressTooLong);
        }
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(BadBlock::NoReason);
        }
        if reason.chars().count() > COLUMN_CHARS_MAX || reason.contains(char::is_control) {
            return Err(BadBlock::Reason);
        }
        // An end that has passed may well stand in an export.
        if expires_at.is_some_and(|at| at < Timestamp::UNIX_EPOCH) {
            return Err(BadBlock::End);
        }
        Ok(Self { address, reason: reason.to_owned(), expires_at })
    }

    /// The address alone, in lower case.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Whether a host may have this character: a domain, also one that is not in ASCII, or an address literal such as
/// `[192.0.2.1]` or `[IPv6:2001:db8::1]`. <https://www.rfc-editor.org/rfc/rfc5321#section-4.1.3>
fn is_of_host(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':')
}

/// What became of a block that a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// The address was not on the list.
    Added,
    /// It was, for something weaker or for something that has run out.
    Strengthened,
    /// It is already blocked as strongly or more so, and nothing was changed.
    Held,
}

/// What became of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockCounts {
    /// Not on the list before.
    pub added: usize,
    /// There for something weaker, or for something that has run out.
    pub strengthened: usize,
    /// There already, as strongly or more so; or several times among those that were asked for.
    pub held: usize,
}

/// Which blocks to list, and which page of them.
#[derive(Clone, Debug)]
pub struct BlocklistQuery {
    /// A part of the address, in any case.
    pub text: Option<String>,
    /// Only those for this very reason.
    pub reason: Option<String>,
    /// Also those that have run out.
    pub with_expired: bool,
    /// Begin behind this address, in the order of the list.
    pub after: Option<String>,
    /// Blocks on the page, up to [`BLOCK_PAGE_MAX`].
    pub blocks_max: usize,
}

impl Default for BlocklistQuery {
    fn default() -> Self {
        Self { text: None, reason: None, with_expired: true, after: None, blocks_max: 100 }
    }
}

/// A page of the blocklist.
#[derive(Clone, Debug, Default)]
pub struct BlocklistPage {
    /// By address.
    pub blocks: Vec<Block>,
    /// Behind which address the next page begins, if there is one.
    pub after: Option<String>,
}

/// How an address may be spelled in a row: as this program writes it first, then as it was given.
pub(crate) fn spellings(address: &str) -> Vec<String> {
    let given = address.trim().replace('\0', "");
    let mut all = vec![normalise_address(&given)];
    if given != all[0] {
        all.push(given);
    }
    all
}

impl Store {
    /// A page of the blocklist, by address. Page by page it is also the export.
    ///
    /// # Errors
    ///
    /// When the text is too long, when the search takes longer than its time budget, or when the database does not
    /// answer.
    pub async fn list_blocklist(&self, query: &BlocklistQuery) -> Result<BlocklistPage, QueryError> {
        let pattern = query.text.as_deref().map(like_pattern).transpose()?;
        let without_nul = |text: &Option<String>| text.as_ref().map(|text| text.replace('\0', ""));
        let (after, reason) = (without_nul(&query.after), without_nul(&query.reason));
        let blocks_max = query.blocks_max.clamp(1, BLOCK_PAGE_MAX);
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::ListBlocklist)).await?;
        let rows = client
            .query(&statement, &[&after, &pattern, &reason, &query.with_expired, &rows_max(blocks_max)])
            .await?;
        let mut blocks = rows.iter().map(Block::from_row).collect::<Result<Vec<_>, _>>()?;
        let more = blocks.len() > blocks_max;
        blocks.truncate(blocks_max);
        let after = blocks.last().filter(|_| more).map(|last| last.address.clone());
        Ok(BlocklistPage { blocks, after })
    }

    /// How many blocks fit, from the beginning of the list: up to [`BLOCKS_COUNTED_MAX`] and one more.
    ///
    /// # Errors
    ///
    /// As [`list_blocklist`](Self::list_blocklist).
    pub async fn count_blocklist(&self, query: &BlocklistQuery) -> Result<u64, QueryError> {
        let pattern = query.text.as_deref().map(like_pattern).transpose()?;
        let reason = query.reason.as_ref().map(|reason| reason.replace('\0', ""));
        let rows_max = i64::try_from(BLOCKS_COUNTED_MAX + 1).unwrap_or(i64::MAX);
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::CountBlocklist)).await?;
        let row = client.query_one(&statement, &[&pattern, &reason, &query.with_expired, &rows_max]).await?;
        Ok(row.try_get::<_, i64>("blocks")?.unsigned_abs())
    }

    /// How an address is blocked; also a block that has run out, which says so.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_block(&self, address: &str) -> Result<Option<Block>, QueryError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::FindBlocks)).await?;
        let rows = client.query(&statement, &[&spellings(address)]).await?;
        let blocks = rows.iter().map(Block::from_row).collect::<Result<Vec<_>, _>>()?;
        drop(client);
        // One that holds tells more than one that does not; of somebody who was erased, a hash alone tells.
        let erased = self.find_erased_block(address).await?;
        Ok(blocks.into_iter().chain(erased).max_by_key(|block| block.holds))
    }

    /// Blocks an address, unless it is blocked as strongly already.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or can't be written to.
    pub async fn block(&self, block: &NewBlock, user: Option<Uuid>) -> Result<Blocked, QueryError> {
        let counts = self.block_all(std::slice::from_ref(block), user).await?;
        Ok(match counts {
            BlockCounts { added: 1, .. } => Blocked::Added,
            BlockCounts { strengthened: 1, .. } => Blocked::Strengthened,
            _ => Blocked::Held,
        })
    }

    /// Blocks many addresses, in transactions of [`BLOCK_BATCH_MAX`]. Of several blocks of one address the last is meant.
    /// To do so again changes nothing: what was broken off is simply repeated.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or can't be written to. What came before the batch that failed is written.
    pub async fn block_all(
        &self,
        blocks: &[NewBlock],
        user: Option<Uuid>,
    ) -> Result<BlockCounts, QueryError> {
        let mut counts = BlockCounts::default();
        for batch in blocks.chunks(BLOCK_BATCH_MAX) {
            let wanted: BTreeMap<&str, &NewBlock> =
                batch.iter().map(|block| (block.address.as_str(), block)).collect();
            let uuids: Vec<Uuid> = wanted.iter().map(|_| Uuid::now_v7()).collect();
            let addresses: Vec<&str> = wanted.keys().copied().collect();
            let reasons: Vec<&str> = wanted.values().map(|block| block.reason.as_str()).collect();
            let ends: Vec<Option<Timestamp>> = wanted.values().map(|block| block.expires_at).collect();
            let users = vec![user; wanted.len()];
            let blocking = async {
                let client = self.writer().await?;
                let statement = client.prepare_cached(self.sql(Statement::Block)).await?;
                Ok(client.query(&statement, &[&uuids, &addresses, &reasons, &ends, &users]).await?)
            };
            let rows = self.changed_in_time(blocking).await?;
            let mut added = 0;
            for row in &rows {
                added += usize::from(row.try_get::<_, bool>("is_new")?);
            }
            counts.added += added;
            counts.strengthened += rows.len() - added;
            counts.held += batch.len() - rows.len();
        }
        Ok(counts)
    }

    /// Takes an address off the blocklist and gives back how it was blocked. A bounce or a complaint that comes in later
    /// blocks it again; so does one that has come in before and is delivered once more.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or can't be written to.
    pub async fn unblock(&self, address: &str) -> Result<Option<Block>, QueryError> {
        let unblocking = async {
            let client = self.writer().await?;
            let statement = client.prepare_cached(self.sql(Statement::Unblock)).await?;
            Ok(client.query(&statement, &[&spellings(address)]).await?)
        };
        let rows = self.changed_in_time(unblocking).await?;
        let blocks = rows.iter().map(Block::from_row).collect::<Result<Vec<_>, _>>()?;
        let erased = self.changed_in_time(self.unblock_erased(address)).await?;
        Ok(blocks.into_iter().chain(erased).max_by_key(|block| block.holds))
    }
}

#[cfg(test)]
mod tests;
