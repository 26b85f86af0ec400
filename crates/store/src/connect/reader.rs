//! A connection for reading, and how long it may be silent.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use deadpool_postgres::{Object, Pool};
use tokio_postgres::{
    Row, Statement,
    types::{ToSql, Type},
};

use crate::QueryError;

/// A connection of the readers' pool. Each question has a limit of time: a page that asks a server which has fallen
/// silent must fail and not hang.
///
/// After a silence neither this connection nor those that were idle meanwhile are used again.
pub(crate) struct Reader {
    /// There until this is dropped.
    client: Option<Object>,
    pool: Pool,
    answer_timeout: Duration,
    is_silent: AtomicBool,
    /// Questions whose answers have not come. Where there is one left in the end, nobody waited for it.
    unanswered: AtomicUsize,
}

impl Reader {
    /// A connection of the pool, new or used.
    pub(super) async fn of(pool: &Pool, answer_timeout: Duration) -> Result<Self, QueryError> {
        let client = Some(pool.get().await?);
        Ok(Self {
            client,
            pool: pool.clone(),
            answer_timeout,
            is_silent: AtomicBool::new(false),
            unanswered: AtomicUsize::new(0),
        })
    }

    pub(crate) async fn prepare_cached(&self, sql: &str) -> Result<Statement, QueryError> {
        Ok(self.in_time(self.client().prepare_cached(sql)).await??)
    }

    pub(crate) async fn query(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, QueryError> {
        Ok(self.in_time(self.client().query(statement, values)).await??)
    }

    pub(crate) async fn query_one(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, QueryError> {
        Ok(self.in_time(self.client().query_one(statement, values)).await??)
    }

    pub(crate) async fn query_opt(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, QueryError> {
        Ok(self.in_time(self.client().query_opt(statement, values)).await??)
    }

    /// Asks in a read-only transaction, for which these settings hold. The statement is not prepared by name.
    ///
    /// All of it is sent at once and takes one way there and back: a page asks so several times, and the ways took longer than
    /// the answers. What fails leaves the transaction failed, and the `COMMIT` behind it rolls back.
    /// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING>
    ///
    /// Cancel-safe: its end is on its way already, or nothing is. Takes the connection for itself, since two at once would be in one
    /// transaction.
    pub(crate) async fn query_with(
        &mut self,
        settings: &str,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, QueryError> {
        let begin = format!("START TRANSACTION READ ONLY; {settings}");
        let client = self.client();
        // In this order, since each is sent when it is first polled.
        let asked = async {
            tokio::join!(
                biased;
                client.batch_execute(&begin),
                client.query_typed(sql, values),
                client.batch_execute("COMMIT")
            )
        };
        let (begun, rows, ended) = self.in_time(asked).await?;
        begun?;
        let rows = rows?;
        ended?;
        Ok(rows)
    }

    /// The connection itself, for what asks in its own way, all of it [`in_time`](Self::in_time).
    pub(crate) fn client(&self) -> &Object {
        self.client.as_ref().expect("it is there until this is dropped")
    }

    /// What an answer says, if it comes within the limit. Cancel-safe: a connection on which nobody waits for an answer any
    /// more is closed with this, and the server's own limit ends what was asked.
    pub(crate) async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, QueryError> {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        let answered = tokio::time::timeout(self.answer_timeout, answer).await;
        self.unanswered.fetch_sub(1, Ordering::Relaxed);
        answered.map_err(|_| self.fell_silent())
    }

    fn fell_silent(&self) -> QueryError {
        self.is_silent.store(true, Ordering::Relaxed);
        QueryError::Unreachable(format!("nothing came back within {} s", self.answer_timeout.as_secs_f32()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let is_silent = self.is_silent.load(Ordering::Relaxed);
        // Whoever asked next on it would wait for the other answer first, and perhaps for ever.
        if is_silent || self.unanswered.load(Ordering::Relaxed) > 0 {
            // Out of the pool, and closed.
            drop(self.client.take().map(Object::take));
        }
        if is_silent {
            self.pool.retain(|_, _| false);
        }
    }
}
