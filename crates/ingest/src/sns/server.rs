//! The listener that SNS posts to.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    HookCounts, HooksOptions, SnsFeed,
    check::{Believed, Checker},
    feed::{self, Inbox, Room},
    https::Https,
    refusal::{Reason, Refusal},
};
use crate::Intake;

/// The only path there is.
const PATH: &str = "/hooks/sns";

/// Bytes of a body at most. A message of SNS has 256 KiB, escaped and wrapped some more.
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>
const BODY_BYTES_MAX: usize = 1_024 * 1_024;

/// Bytes of a request's head at most, and its headers. SNS's have about a kilobyte.
const HEAD_BYTES_MAX: usize = 16 * 1_024;
const HEADERS_MAX: usize = 64;

/// How long a listener waits for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// For a head.
    pub(super) head: Duration,
    /// For a body.
    pub(super) body: Duration,
    /// For all that a request takes. SNS waits for 15 s and takes silence for a failure; an answer is better.
    pub(super) answer: Duration,
    /// For a database that takes nothing, before those who come meanwhile are told at once. A restart is over by then; SNS
    /// has few tries, and each that waits may still end with the event stored.
    pub(super) outage: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(8),
            answer: Duration::from_secs(12),
            outage: Duration::from_secs(15),
        }
    }
}

/// Connections at once. Beyond them the system's own queue fills.
const CONNECTIONS_MAX: usize = 1_024;

/// Sources whose requests are counted at once, and at how many the idle ones are forgotten.
const SOURCES_MAX: usize = 10_000;

/// How long connections are given to end by themselves once the listener is told to stop.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// How long no connection is taken after the system refused one, for the want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A listener for messages that SNS posts, and nothing else: `POST /hooks/sns`.
///
/// It speaks HTTP/1.1 without TLS, for a proxy that has the certificate of the public name. It may listen on any
/// address, since nobody is believed for where they come from.
pub struct SnsHooks {
    shared: Arc<Shared>,
}

struct Shared {
    checker: Checker,
    inbox: Inbox,
    sources: DefaultKeyedRateLimiter<IpAddr>,
    counts: HookCounts,
    waits: Waits,
}

impl SnsHooks {
    /// A listener, and the feed of what it takes. A message is answered when its receipt is acknowledged.
    ///
    /// Reads this machine's certificate authorities, which blocks for some milliseconds.
    pub fn new(options: &HooksOptions) -> (Self, SnsFeed) {
        Self::with(options, Https::new(), Waits::default())
    }

    pub(super) fn with(options: &HooksOptions, https: Https, waits: Waits) -> (Self, SnsFeed) {
        let (inbox, feed) = feed::channel();
        let shared = Shared {
            checker: Checker::new(options, https),
            inbox,
            sources: RateLimiter::keyed(quota(options.requests_per_second_max)),
            counts: HookCounts::default(),
            waits,
        };
        (Self { shared: Arc::new(shared) }, feed)
    }

    /// What becomes of the requests.
    pub fn counts(&self) -> HookCounts {
        self.shared.counts.clone()
    }

    /// Serves on `listener` until `shutdown` is ready, then gives the requests under way some seconds.
    ///
    /// `intake` is that of the pump that stores what comes. Once it has been closed for a while, events are answered with 503 at once;
    /// those that wait already stay within their time, since they are stored as soon as the database is back.
    ///
    /// Whoever pumps the feed should be told to end at the same time, and drop it: requests that wait for the
    /// database are answered with 503 then.
    ///
    /// # Errors
    ///
    /// When the listener itself fails. What fails with one connection is no error.
    pub async fn serve(
        self,
        listener: TcpListener,
        intake: Intake,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        // An address that is no longer ours is told at once, and not by silence.
        listener.local_addr()?;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let (stopping, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = accept(&listener, &places) => accepted,
            };
            let (stream, source, place) = accepted;
            let (shared, stopped) = (Arc::clone(&self.shared), stopped.clone());
            let intake = intake.clone();
            connections.spawn(async move {
                shared.converse(stream, source, &intake, stopped).await;
                drop(place);
            });
        }
        drop(listener);
        stopping.send_replace(());
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_WAIT, ended).await.is_err() {
            tracing::warn!("some requests to the webhook did not end in time and were cut off");
            connections.shutdown().await;
        }
        Ok(())
    }
}

/// The next connection, once there is a place for it. Cancel-safe.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, source)) => return (stream, source, place),
            // Whoever asked has gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "the webhook could not take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Shared {
    /// Serves one connection to its end.
    async fn converse(
        &self,
        stream: TcpStream,
        source: SocketAddr,
        intake: &Intake,
        mut stopped: watch::Receiver<()>,
    ) {
        let source = source_of(source.ip());
        let service =
            service_fn(async |request| Ok::<_, Infallible>(self.answer(source, intake, request).await));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                // A connection that is closed for being idle, just when a proxy writes to it, costs one of the four
                // tries that SNS makes unless told otherwise.
                .keep_alive(false)
                .header_read_timeout(self.waits.head)
                .max_buf_size(HEAD_BYTES_MAX)
                .max_headers(HEADERS_MAX)
                .serve_connection(TokioIo::new(stream), service)
        );
        let outcome = tokio::select! {
            outcome = &mut connection => outcome,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a connection to the webhook ended early");
        }
    }

    async fn answer(
        &self,
        source: IpAddr,
        intake: &Intake,
        request: Request<Incoming>,
    ) -> Response<Empty<Bytes>> {
        if request.uri().path() != PATH {
            return respond(StatusCode::NOT_FOUND);
        }
        if request.method() != Method::POST {
            let mut response = respond(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let answered = timeout_at(Instant::now() + self.waits.answer, self.take(source, intake, request));
        let refusal = match answered.await {
            Ok(Ok(())) => return respond(StatusCode::OK),
            Ok(Err(refusal)) => refusal,
            Err(_) => Refusal::because(Reason::NotStored, "it took too long"),
        };
        let mut response = respond(self.counts.refuse(&refusal));
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"hooks\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// Takes a message in: `Ok` when it is stored, or whatever else it asked for is done.
    async fn take(&self, source: IpAddr, intake: &Intake, request: Request<Incoming>) -> Result<(), Refusal> {
        let (head, body) = request.into_parts();
        if let Err(reason) = self.admit(source).and_then(|()| self.checker.credentials(&head.headers)) {
            // What is left unread would make the system reset the connection, and the answer might be lost with it.
            self.discard(body).await;
            return Err(reason.into());
        }
        let (body, room) = self.read(body).await?;
        match self.checker.believe(&head.headers, body).await? {
            Believed::Event { body, origin } => {
                // Last of all: whoever forges is told so in any case, and subscriptions need no database.
                if intake.closed_for().is_some_and(|closed_for| closed_for >= self.waits.outage) {
                    return Err(Refusal::because(Reason::NotStored, "the database takes no events now"));
                }
                self.inbox.post(body, origin, room)?.stored().await?;
                self.counts.count_stored();
            }
            Believed::Confirmed => self.counts.count_confirmed(),
            Believed::Unsubscribed => self.counts.count_unsubscribed(),
        }
        Ok(())
    }

    /// Whether the source has not asked too often. `X-Forwarded-For` is not looked at: whoever asks may write it.
    fn admit(&self, source: IpAddr) -> Result<(), Reason> {
        if self.sources.len() >= SOURCES_MAX {
            self.sources.retain_recent();
            if self.sources.len() >= SOURCES_MAX {
                return Err(Reason::RateLimited);
            }
        }
        self.sources.check_key(&source).map_err(|_| Reason::RateLimited)
    }

    /// Reads a body, taking room for what has come and not for what is announced.
    async fn read(&self, mut body: Incoming) -> Result<(Vec<u8>, Room), Refusal> {
        if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err(Reason::TooLarge.into());
        }
        let deadline = Instant::now() + self.waits.body;
        let mut bytes = Vec::new();
        let mut room = self.inbox.room()?;
        while let Some(frame) = timeout_at(deadline, body.frame()).await.map_err(|_| Reason::BrokenOff)? {
            let Ok(data) = frame.map_err(|_| Reason::BrokenOff)?.into_data() else { continue };
            if bytes.len() + data.len() > BODY_BYTES_MAX {
                return Err(Reason::TooLarge.into());
            }
            bytes.extend_from_slice(&data);
            if let Err(reason) = self.inbox.resize(&mut room, bytes.len()) {
                // First the room, for others that are half read, too.
                drop((bytes, room));
                self.discard(body).await;
                return Err(reason.into());
            }
        }
        Ok((bytes, room))
    }

    /// Reads a body to its end and keeps nothing of it, within the limits of those that are kept.
    async fn discard(&self, body: Incoming) {
        let mut body = Limited::new(body, BODY_BYTES_MAX);
        let reading = async { while let Some(Ok(_)) = body.frame().await {} };
        // Whoever goes on sending beyond that is cut off.
        let _ = timeout_at(Instant::now() + self.waits.body, reading).await;
    }
}

fn respond(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}

fn quota(requests_per_second_max: NonZeroU32) -> Quota {
    Quota::per_second(requests_per_second_max)
}

/// Who asks: an IPv4 address, or a network of IPv6, of whose addresses everybody has plenty.
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let source = |text: &str| source_of(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[test]
    fn sources_that_are_remembered_have_a_limit() {
        let slow =
            HooksOptions { requests_per_second_max: NonZeroU32::new(1).unwrap(), ..HooksOptions::default() };
        let (hooks, _feed) = SnsHooks::new(&slow);
        let addresses = u32::try_from(3 * SOURCES_MAX).unwrap();
        for number in 0..addresses {
            // Refused or not, as fast as this machine is.
            let _ = hooks.shared.admit(Ipv4Addr::from_bits(number).into());
            assert!(hooks.shared.sources.len() <= SOURCES_MAX);
        }
    }
}
