//! Whether a pooler stands between us and the server that gives each transaction another session.
//!
//! `PgBouncer`'s `pool_mode = transaction` is the one that is met most; others (Odyssey, pgcat, Supavisor, the clouds'
//! proxies) do the same. A migrator can't work there: its lock belongs to a session, and so do its settings, which
//! other clients of the pooler would inherit. A pooler that leaves a client its session (`pool_mode = session`) is fine.
//! <https://www.pgbouncer.org/features.html>

use std::{collections::BTreeSet, pin::pin, time::Duration};

use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::MigrateError;
use crate::{Connection, DatabaseAddress};

/// How often both connections are asked, and how often during a transaction of one of them. On a pooler that is idle
/// but for us the first round tells. On a busy one both would have to get their same sessions by chance, every time.
const ROUNDS: u32 = 8;

/// How long a question may wait while the other connection is in a transaction. In a pool with no session left the
/// answer comes only after that transaction.
const HELD_WAIT: Duration = Duration::from_secs(1);

/// How long any other question may take.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// In one message, also where it comes with a BEGIN: a statement that is prepared by name would be unknown to the next
/// session that the pooler gives us.
const WHO: &str = "SELECT pg_catalog.pg_backend_pid()";

/// What is being done, for errors.
const ASKING: &str = "asking whether the session is ours alone";

/// The sessions of the server that each connection was seen to have.
#[derive(Debug, Default)]
struct Seen {
    ours: BTreeSet<i32>,
    other: BTreeSet<i32>,
}

impl Seen {
    /// Two clients of a server never have one session, and none of them changes its own.
    fn is_shared(&self) -> bool {
        self.ours.len() > 1 || self.other.len() > 1 || !self.ours.is_disjoint(&self.other)
    }
}

/// Refuses to go on where sessions are not ours alone. Opens a second connection for as long as it takes; changes
/// nothing, sets nothing, and leaves no transaction open.
pub(super) async fn refuse(connection: &Connection, address: &DatabaseAddress) -> Result<(), MigrateError> {
    if is_between(connection, address).await? {
        return Err(MigrateError::Pooler { place: address.place() });
    }
    Ok(())
}

/// Whether a pooler stands in between that gives each transaction another session.
pub(super) async fn is_between(
    connection: &Connection,
    address: &DatabaseAddress,
) -> Result<bool, MigrateError> {
    is_shared(connection, address, ANSWER_WAIT).await
}

async fn is_shared(
    connection: &Connection,
    address: &DatabaseAddress,
    second_wait: Duration,
) -> Result<bool, MigrateError> {
    let ours = &connection.client;
    let mut seen = Seen::default();
    seen.ours.insert(answered(who(ours, WHO)).await?);
    let Some(other) = second(ours, address, second_wait, &mut seen).await? else {
        return Ok(seen.is_shared());
    };
    // All of these before the first transaction: where each statement has another session, a transaction is refused
    // and the connection closed, which by itself could mean anything.
    for _ in 0..ROUNDS {
        seen.other.insert(answered(who(&other.client, WHO)).await?);
        seen.ours.insert(answered(who(ours, WHO)).await?);
        if seen.is_shared() {
            return Ok(true);
        }
    }
    for _ in 0..ROUNDS {
        held_round(ours, &other.client, &mut seen).await?;
        if seen.is_shared() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A second connection, or none where a pooler has no session left for it: then ours was free between its questions,
/// over and over, and yet was not given away.
async fn second(
    ours: &Client,
    address: &DatabaseAddress,
    wait: Duration,
    seen: &mut Seen,
) -> Result<Option<Connection>, MigrateError> {
    let mut opening = pin!(Connection::open(address));
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        if let Ok(opened) = timeout(HELD_WAIT.min(wait), &mut opening).await {
            return Ok(Some(opened?));
        }
        seen.ours.insert(answered(who(ours, WHO)).await?);
    }
    Ok(None)
}

/// Asks ours during a transaction of the other, and after it.
async fn held_round(ours: &Client, other: &Client, seen: &mut Seen) -> Result<(), MigrateError> {
    seen.other.insert(answered(who(other, &format!("BEGIN; {WHO}"))).await?);
    let mut question = pin!(who(ours, WHO));
    // Without waiting where it is clear already that the session which would answer is the one that is held.
    let wait = if seen.is_shared() { Duration::ZERO } else { HELD_WAIT };
    let during = timeout(wait, &mut question).await;
    answered(async { other.batch_execute("ROLLBACK").await.map_err(|error| failed(&error)) }).await?;
    seen.ours.insert(match during {
        Ok(answer) => answer?,
        Err(_) => answered(question).await?,
    });
    // A pooler now gives the session that came back last, or else the one that was idle for longest: neither is ours.
    seen.ours.insert(answered(who(ours, WHO)).await?);
    Ok(())
}

async fn who(client: &Client, query: &str) -> Result<i32, MigrateError> {
    let messages = client.simple_query(query).await.map_err(|error| failed(&error))?;
    let pid = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    });
    pid.ok_or_else(|| MigrateError::Database {
        doing: ASKING.to_owned(),
        reason: "the answer holds no process number".to_owned(),
    })
}

async fn answered<T>(question: impl Future<Output = Result<T, MigrateError>>) -> Result<T, MigrateError> {
    timeout(ANSWER_WAIT, question).await.unwrap_or_else(|_| {
        Err(MigrateError::Database {
            doing: ASKING.to_owned(),
            reason: format!(
                "no answer in {} s. If a connection pooler stands in between, it has no session left: give the \
                 server's own address",
                ANSWER_WAIT.as_secs()
            ),
        })
    })
}

fn failed(error: &Error) -> MigrateError {
    MigrateError::database(ASKING, error)
}

#[cfg(test)]
mod tests;
