//! The site on a loopback socket in this process, and somebody who asks it over one connection.

use std::{net::SocketAddr, time::Duration};

use aftersend_store::{Prefix, Store, TagNames};
use anyhow::{Context as _, ensure};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// How long an answer may take before it counts as none: longer than the site lets its own questions take.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(2);

/// The site, with the pools of connections that `aftersend serve` has.
pub(super) struct Site {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Site {
    pub(super) async fn start(database: &str) -> anyhow::Result<Self> {
        let store = Store::open(&database.parse()?, Prefix::default(), TagNames::default()).await?;
        store.require_schema().await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (stop, stopping) = oneshot::channel::<()>();
        let serving = tokio::spawn(aftersend_web::serve(listener, store, async {
            // Also when the other side is gone.
            let _ = stopping.await;
        }));
        Ok(Self { address, stop, serving })
    }

    /// A connection that is kept for all that is asked.
    pub(super) async fn connect(&self) -> anyhow::Result<Visitor> {
        let stream = TcpStream::connect(self.address).await.context("connecting to the site")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(async move {
            // The error is also the result of whatever was asked.
            let _ = connection.await;
        });
        Ok(Visitor { sender, host: self.address.to_string(), connection })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        Ok(self.serving.await??)
    }
}

/// Who asks.
pub(super) struct Visitor {
    sender: http1::SendRequest<Empty<Bytes>>,
    host: String,
    connection: JoinHandle<()>,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) page: String,
    /// From before the request was written to after the answer's last byte was read.
    pub(super) took: Duration,
}

impl Visitor {
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = self.request(path)?;
        let began = Instant::now();
        let whole = async {
            self.sender.ready().await?;
            let answer = self.sender.send_request(request).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, body))
        };
        let (status, body) = timeout(ANSWER_TIME_MAX, whole)
            .await
            .with_context(|| format!("no whole answer in {} s", ANSWER_TIME_MAX.as_secs()))??;
        let took = began.elapsed();
        Ok(Answer { status, page: String::from_utf8_lossy(&body).into_owned(), took })
    }

    /// Hands the parts of an answer on as they come, until there are no more or `take` wants none.
    pub(super) async fn stream(
        &mut self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> anyhow::Result<()> {
        let request = self.request(path)?;
        self.sender.ready().await?;
        let mut answer = self.sender.send_request(request).await?;
        ensure!(answer.status() == StatusCode::OK, "{path} was answered with {}", answer.status());
        loop {
            let frame = timeout(ANSWER_TIME_MAX, answer.frame()).await.context("the answer went silent")?;
            let Some(frame) = frame else { return Ok(()) };
            if frame?.data_ref().is_some_and(|part| !take(part)) {
                return Ok(());
            }
        }
    }

    fn request(&self, path: &str) -> anyhow::Result<Request<Empty<Bytes>>> {
        Ok(Request::get(path).header(header::HOST, &self.host).body(Empty::new())?)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
