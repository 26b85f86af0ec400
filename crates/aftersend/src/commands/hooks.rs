//! The listener that SNS posts to, and the pump behind it.

use std::net::SocketAddr;

use aftersend_ingest::{Patience, Pump, Shutdown, SnsFeed, SnsHooks, Tally};
use anyhow::Context;
use tokio::net::TcpListener;

use crate::config::Hooks;

/// What the feed is called in logs.
const NAME: &str = "webhook";

/// A listener that has its address.
pub(super) struct Webhook {
    server: SnsHooks,
    feed: SnsFeed,
    listener: TcpListener,
}

impl Webhook {
    /// Takes the address.
    pub(super) async fn open(hooks: &Hooks) -> anyhow::Result<Self> {
        if hooks.options.topics.is_empty() {
            tracing::warn!(
                "no topic is named, so every message that SNS posts is refused; name one: --hooks-topic ARN"
            );
        }
        let listener = TcpListener::bind(hooks.listen).await.with_context(|| {
            format!("the webhook can't listen on {}; another one: --hooks-listen", hooks.listen)
        })?;
        let (server, feed) = SnsHooks::new(&hooks.options);
        Ok(Self { server, feed, listener })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Takes messages until the wish is voiced, and stores them for as long as it takes: while the database is away,
    /// SNS is told to try again.
    pub(super) async fn run(self, pump: &Pump, shutdown: &Shutdown) -> anyhow::Result<Tally> {
        let Self { server, mut feed, listener } = self;
        // Where nothing can be stored any more there is nothing to listen for.
        let (end, ended) = Shutdown::channel();
        let mut wish = shutdown.or(&ended);
        let listening = server.serve(listener, pump.intake(), async move { wish.requested().await });
        let storing = async move {
            // The feed goes with this, which answers whoever still waits.
            let stored = pump.run(NAME, &mut feed, Patience::Endless).await;
            end.send_replace(true);
            stored
        };
        let (listened, (tally, stored)) = tokio::join!(listening, storing);
        listened.context("the webhook")?;
        stored.context("the webhook")?;
        Ok(tally)
    }
}
