//! Asking SNS over HTTPS.

use std::{io, pin::pin, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode,
    body::{Body, Bytes},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::SnsHost;

/// How long an answer may take, from the resolving of the name to the last byte. SNS waits 15 s for ours.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Bytes of an answer's body at most. A certificate has two thousand, a confirmation's answer some hundred.
const BODY_BYTES_MAX: usize = 64 * 1_024;

/// Bytes of an answer's head at most.
const HEAD_BYTES_MAX: usize = 16 * 1_024;

/// HTTPS, only to hosts of SNS, with this machine's certificate authorities.
///
/// One request to a connection, no proxy, no cookies, and no redirect is followed.
pub(super) struct Https {
    tls: TlsConnector,
    wait: Duration,
    #[cfg(test)]
    instead: Option<std::net::SocketAddr>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpsError {
    #[error("no answer in time")]
    TimedOut,
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer has more than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the answer broke off")]
    BrokenOff,
}

impl Https {
    /// Trusts whom this machine trusts.
    pub(super) fn new() -> Self {
        let mut roots = RootCertStore::empty();
        // A certificate that can't be parsed is of no use, and the others still are.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            tracing::warn!(
                "this machine knows no certificate authority, so nothing can be verified that SNS signs; install its \
                 package ca-certificates, or set SSL_CERT_FILE"
            );
        }
        Self::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            tls: TlsConnector::from(Arc::new(config)),
            wait: ANSWER_WAIT,
            #[cfg(test)]
            instead: None,
        }
    }

    /// Goes to one address whatever the host, and trusts one authority: a test's.
    #[cfg(test)]
    pub(super) fn to(address: std::net::SocketAddr, roots: RootCertStore, wait: Duration) -> Self {
        Self { instead: Some(address), wait, ..Self::trusting(roots) }
    }

    /// Gets what the host has at that path and query. Cancel-safe: dropping it closes the connection.
    pub(super) async fn get(&self, host: &SnsHost, path: &str) -> Result<Answer, HttpsError> {
        tokio::time::timeout(self.wait, self.exchange(host, path)).await.unwrap_or(Err(HttpsError::TimedOut))
    }

    async fn exchange(&self, host: &SnsHost, path: &str) -> Result<Answer, HttpsError> {
        let name = ServerName::try_from(host.as_str().to_owned()).map_err(io::Error::other)?;
        let stream = self.tls.connect(name, self.dial(host).await?).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await?;
        let request = Request::get(path)
            .header(header::HOST, host.as_str())
            .header(header::USER_AGENT, "aftersend")
            .header(header::CONNECTION, "close")
            .body(Empty::new())
            .expect("a path that was checked and constant headers make a request");
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok(Answer { status, body: collect(response.into_body()).await? })
        };
        // The connection does the work, here and not in a task of its own, so that it ends with the request.
        let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
        tokio::select! {
            answer = &mut exchange => answer,
            // A server may close as soon as it has answered; what it sent is still to be taken.
            _ = &mut connection => exchange.await,
        }
    }

    #[cfg(not(test))]
    async fn dial(&self, host: &SnsHost) -> io::Result<TcpStream> {
        TcpStream::connect((host.as_str(), 443)).await
    }

    #[cfg(test)]
    async fn dial(&self, _: &SnsHost) -> io::Result<TcpStream> {
        TcpStream::connect(self.instead.expect("a test never leaves this machine")).await
    }
}

async fn collect<B>(body: B) -> Result<Bytes, HttpsError>
where
    B: Body<Data = Bytes, Error = hyper::Error>,
{
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpsError::TooLarge),
        Err(_) => Err(HttpsError::BrokenOff),
    }
}
