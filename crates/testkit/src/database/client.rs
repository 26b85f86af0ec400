//! A connection that goes away with its handle.

use std::ops::{Deref, DerefMut};

use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

/// A connection to PostgreSQL, together with the task that moves its bytes. Dropped, both end.
#[derive(Debug)]
pub struct Client {
    client: tokio_postgres::Client,
    connection: JoinHandle<()>,
}

impl Client {
    /// Connects without TLS.
    ///
    /// # Panics
    /// If the server can't be reached or refuses.
    pub async fn connect(url: &str) -> Self {
        // The URL stays out of the message: one from the environment may hold a password.
        Self::try_connect(url)
            .await
            .unwrap_or_else(|error| panic!("connecting to the tests' database: {error}"))
    }

    pub(crate) async fn try_connect(url: &str) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(async move {
            // The error is also the result of whatever the client was waiting for.
            let _ = connection.await;
        });
        Ok(Self { client, connection })
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Closes the socket, which ends the server's session too.
        self.connection.abort();
    }
}
