//! `aftersend serve`.

use std::net::SocketAddr;

use aftersend_ingest::{Shutdown, join_continually};
use aftersend_store::Store;
use anyhow::Context;
use tokio::net::TcpListener;

use super::signals;
use crate::{Outcome, cli::ServeCommandArgs, database::Place, output::Output};

pub(crate) async fn run(args: &ServeCommandArgs, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let store = place.store().await?.with_unknown_mails(args.unknown_mails.into());
    let listener = listen(args.site.listen).await?;
    announce(&listener, output)?;
    let (stop, shutdown) = Shutdown::channel();
    let serving = async {
        let served = until_stopped(listener, store.clone()).await;
        stop.send_replace(true);
        served
    };
    // What an ingest elsewhere has parked must find its mail also when that one does not run.
    let (served, ()) = tokio::join!(serving, join_continually(&store, shutdown));
    served?;
    Ok(Outcome::Done)
}

/// Takes the address.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        let other = SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(4100));
        format!("the site can't listen on {address}; another one: --listen {other}")
    })
}

/// Says where the site is.
pub(crate) fn announce(listener: &TcpListener, output: Output) -> anyhow::Result<()> {
    let url = format!("http://{}", listener.local_addr()?);
    if output.is_json() {
        output.json(&serde_json::json!({ "listening": url }))
    } else {
        Ok(output.text(format!("The site is at {url} (Ctrl-C ends it)"))?)
    }
}

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn until_stopped(listener: TcpListener, store: Store) -> anyhow::Result<()> {
    let stop = async {
        if let Err(error) = signals::requested().await {
            tracing::error!(%error, "signals can't be received, so the site ends");
        }
    };
    aftersend_web::serve(listener, store, stop).await.context("the site")
}
