//! A connection that goes away with its handle.

use std::ops::{Deref, DerefMut};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

/// A session on the private server, together with the task that moves its bytes. Dropped, both end.
pub(crate) struct Session {
    client: Client,
    connection: JoinHandle<()>,
}

impl Session {
    /// Connects to where that is, under a name that `pg_stat_activity` shows.
    pub(crate) async fn open(address: &str, name: &str) -> anyhow::Result<Self> {
        let mut config: tokio_postgres::Config = address.parse()?;
        config.application_name(name);
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(async move {
            // The error is also the result of whatever the client was waiting for.
            let _ = connection.await;
        });
        Ok(Self { client, connection })
    }

    /// The process on the server that serves this session.
    pub(crate) async fn process_id(&self) -> anyhow::Result<i32> {
        Ok(self.client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0))
    }
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// For transactions, which take the session for themselves.
impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Closes the socket, which ends the server's session, too.
        self.connection.abort();
    }
}
