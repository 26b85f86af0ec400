//! Ctrl-C and SIGTERM.

use aftersend_ingest::Shutdown;
use anyhow::Context;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Voices the wish that all ends when Ctrl-C or SIGTERM comes, and returns once it was voiced, by whomever.
///
/// From the first call on neither kills the program any more, for as long as it runs.
///
/// # Errors
///
/// When signals can't be received. The wish is voiced then, too: nobody could end the program in order any more.
pub(crate) async fn forward(stop: &watch::Sender<bool>, mut shutdown: Shutdown) -> anyhow::Result<()> {
    let came = tokio::select! {
        () = shutdown.requested() => Ok(()),
        came = requested() => came,
    };
    stop.send_replace(true);
    came
}

/// Waits for Ctrl-C or SIGTERM, from the first call on in place of what they do otherwise.
pub(crate) async fn requested() -> anyhow::Result<()> {
    let what = "signals can't be received";
    let mut interrupt = signal(SignalKind::interrupt()).context(what)?;
    let mut terminate = signal(SignalKind::terminate()).context(what)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
