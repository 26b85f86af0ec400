//! One migrator at a time.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio_postgres::Client;

use super::MigrateError;
use crate::Prefix;

/// How long to wait for another migrator.
const WAIT: Duration = Duration::from_secs(30);
/// How often to ask meanwhile.
const POLL: Duration = Duration::from_millis(200);

/// Takes the lock for this session, which keeps it until it ends.
///
/// Polls: a session that *waits* for an advisory lock holds a snapshot all the while, and `CREATE INDEX
/// CONCURRENTLY` in the session that has the lock would wait for that snapshot for ever.
/// <https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS>
pub(super) async fn take(client: &Client, prefix: &Prefix) -> Result<(), MigrateError> {
    let key = key(prefix);
    let failed = |error: tokio_postgres::Error| MigrateError::database("taking the migrator's lock", &error);
    let began = Instant::now();
    loop {
        let row =
            client.query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&key]).await.map_err(failed)?;
        if row.get(0) {
            return Ok(());
        }
        if began.elapsed() >= WAIT {
            let holder = holder(client, key).await.map_err(failed)?;
            return Err(MigrateError::Busy { prefix: prefix.clone(), holder, waited_s: WAIT.as_secs() });
        }
        tokio::time::sleep(POLL).await;
    }
}

fn key(prefix: &Prefix) -> i64 {
    let hash = Sha256::digest(format!("aftersend schema {prefix}").as_bytes());
    i64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
}

async fn holder(client: &Client, key: i64) -> Result<String, tokio_postgres::Error> {
    let row = client.query_opt(include_str!("sql/lock_holder.sql"), &[&key]).await?;
    Ok(row.map_or("which has just ended".to_owned(), |row| {
        let (pid, name, from): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
        format!("process {pid} of the server, {name}, from {from}")
    }))
}
