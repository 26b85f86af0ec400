//! `aftersend serve`.

use std::{net::SocketAddr, sync::Arc};

use aftersend_ingest::{Pump, Shutdown, join_continually, keep_figures_continually};
use aftersend_web::Site;
use anyhow::Context;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    depth,
    hooks::Webhook,
    ingest,
    polling::{self, Failing, Terminal},
    signals,
    upkeep::upkeep,
};
use crate::{
    Outcome,
    cli::ServeArgs,
    config::{Queue, Settings},
    database::Place,
    jobs::{Wanted, run_by_schedule},
    output::Output,
    rereading::Replaying,
    watch::Watch,
};

/// Serves the site, polls the queues and takes what SNS posts until it is told to stop.
///
/// A queue that can't be polled does not end it: the site and the other queues are of use without. It is told in the
/// log, again with each try. When the site or the webhook ends by itself, everything ends, and the error says why.
pub(crate) async fn run(
    args: &ServeArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let queues = if args.no_ingest { &[][..] } else { &*settings.queues };
    let webhook = match &settings.hooks {
        Some(hooks) if !args.no_ingest => Some(Webhook::open(hooks).await?),
        _ => None,
    };
    let store = place.store().await?;
    let listener = listen(settings.listen).await?;
    announce(&listener, queues, webhook.as_ref(), output)?;
    let (stop, shutdown) = Shutdown::channel();
    let watch = Arc::new(Watch::new(Terminal));
    let pump = Pump::new(store.clone(), shutdown.clone(), watch.clone());
    let polling = async {
        let polled = polling::poll(queues, None, Failing::RetryForEver, &pump, &stop, &shutdown).await;
        if polled.is_err() {
            stop.send_replace(true);
        }
        polled
    };
    // What an ingest elsewhere has parked must find its mail also while that one does not run.
    let joining = async {
        if !args.no_ingest {
            join_continually(&store, shutdown.clone()).await;
        }
    };
    // Also where nothing is taken in: what a run that ends has taken in is counted by nobody else.
    let keeping = keep_figures_continually(&store, shutdown.clone());
    let hooking = async {
        let Some(webhook) = webhook else { return Ok(None) };
        let ended = webhook.run(&pump, &shutdown).await;
        stop.send_replace(true);
        ended.map(Some)
    };
    let measuring = depth::watch_depths(queues, &watch, &shutdown);
    let mut jobs = JoinSet::new();
    jobs.spawn(run_by_schedule(store.clone(), Wanted::of(settings), watch.clone(), shutdown.clone()));
    // A task of its own: it compresses and packs for hours, and pages are to come meanwhile.
    let looking_after = async {
        if let Some(Err(error)) = jobs.join_next().await {
            tracing::error!(%error, "older mails are looked after no more, until the next start");
        }
    };
    let rereading = Arc::new(Replaying { store: store.clone(), shutdown: shutdown.clone() });
    let site =
        Site::new(store.clone(), watch.clone()).with_rereading(rereading).with_upkeep(upkeep(settings));
    let site = self::site(listener, site, &stop, &shutdown);
    // The SDK's futures are large.
    let (site, hooked, polled, (), (), (), ()) =
        tokio::join!(site, hooking, Box::pin(polling), joining, keeping, Box::pin(measuring), looking_after);
    let polled = polled?;
    if !queues.is_empty() {
        ingest::report(&polled, output)?;
    }
    if let Some(tally) = hooked? {
        tracing::info!(%tally, "what SNS has posted");
    }
    site?;
    Ok(Outcome::Done)
}

/// Serves the site until Ctrl-C or SIGTERM comes, or it fails, or somebody else voices the wish; voices it then.
pub(crate) async fn site(
    listener: TcpListener,
    site: Site,
    stop: &watch::Sender<bool>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut wish = shutdown.clone();
    let serving = async {
        let ended = aftersend_web::serve(listener, site, async move { wish.requested().await }).await;
        stop.send_replace(true);
        ended.context("the site")
    };
    let (served, signalled) = tokio::join!(serving, signals::forward(stop, shutdown.clone()));
    served.and(signalled)
}

/// Takes the address.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        let other = SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(4100));
        format!("the site can't listen on {address}; another one: --listen {other}")
    })
}

/// Says where the site is, and where its events come from.
pub(super) fn announce(
    listener: &TcpListener,
    queues: &[Queue],
    webhook: Option<&Webhook>,
    output: Output,
) -> anyhow::Result<()> {
    let url = format!("http://{}", listener.local_addr()?);
    let hooks =
        webhook.map(|webhook| Ok::<_, anyhow::Error>(format!("http://{}/hooks/sns", webhook.address()?)));
    let hooks = hooks.transpose()?;
    if output.is_json() {
        let names: Vec<&str> = queues.iter().map(|queue| &*queue.name).collect();
        return output.json(&json!({ "listening": url, "queues": names, "hooks": hooks }));
    }
    output.text(format!("The site is at {url} (Ctrl-C ends it)"))?;
    for queue in queues {
        output.text(format!("Taking events from {} ({})", queue.name, queue.options.queue_url))?;
    }
    if let Some(url) = hooks {
        output.text(format!("SNS may post to {url}, through a proxy that speaks TLS"))?;
    }
    Ok(())
}
