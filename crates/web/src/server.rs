//! The site on a socket.

use std::{io, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{Site, operation_router, router};

/// Milliseconds that requests under way are given to finish once the site is told to stop.
pub const SHUTDOWN_WAIT_MS_MAX: u64 = 5_000;

/// Serves the site on `listener` until `shutdown` is ready, then lets the requests under way finish for up to
/// [`SHUTDOWN_WAIT_MS_MAX`] and returns.
///
/// The site has no log-in: the listener should be bound to a loopback address. Requests that name another host
/// are refused.
///
/// # Errors
///
/// When the listener fails for good. Connections that fail one by one are no error.
pub async fn serve(
    listener: TcpListener,
    site: impl Into<Site>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_routes(listener, router(site), shutdown).await
}

/// Serves probes and metrics alone, in the same way.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_operation(
    listener: TcpListener,
    site: impl Into<Site>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_routes(listener, operation_router(site), shutdown).await
}

async fn serve_routes(
    listener: TcpListener,
    routes: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        shutdown.await;
        // The other side is gone only when the server itself has ended.
        let _ = stopping.send(());
    });
    // A reader that never takes its answer must not keep the program from ending.
    let overtime = async {
        let _ = stopped.await;
        tokio::time::sleep(Duration::from_millis(SHUTDOWN_WAIT_MS_MAX)).await;
    };
    tokio::select! {
        ended = server.into_future() => ended,
        () = overtime => {
            tracing::warn!(waited_ms = SHUTDOWN_WAIT_MS_MAX, "some requests did not finish in time and were cut off");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
