//! What stands in for SNS's hosts: a server with TLS on this machine, and the authority that vouches for it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// A server that answers what it was told to, and remembers what it was asked.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) roots: RootCertStore,
    shared: Arc<Shared>,
    /// Answers are held back while it says so.
    held: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    /// Whole answers by path.
    pages: Mutex<HashMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl Origin {
    /// Under these names.
    pub(super) async fn named(names: &[&str]) -> Self {
        let (roots, acceptor) = authority_and_server(names);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (held, holding) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let serving = shared.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serving.clone().answer(acceptor.clone(), stream, holding.clone()));
            }
        });
        Self { address, roots, shared, held, _tasks: tasks }
    }

    /// Has a path answer with 200 and that body.
    pub(super) fn put(&self, path: &str, body: impl AsRef<[u8]>) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.as_ref().len());
        self.put_whole(path, [head.as_bytes(), body.as_ref()].concat());
    }

    /// Has a path answer with a status and headers, and no body.
    pub(super) fn put_status(&self, path: &str, status: &str, headers: &str) {
        self.put_whole(path, format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes());
    }

    /// Has a path answer with these very bytes.
    pub(super) fn put_whole(&self, path: &str, answer: Vec<u8>) {
        self.shared.pages.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// Hosts and paths that were asked, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Holds answers back, or lets them go.
    pub(super) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }
}

impl Shared {
    async fn answer(
        self: Arc<Self>,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        mut holding: watch::Receiver<bool>,
    ) {
        // Whoever does not trust the certificate hangs up here.
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        self.asked.lock().unwrap().push(format!("{host}{path}"));
        let _ = holding.wait_for(|held| !held).await;
        let page = self.pages.lock().unwrap().get(path).cloned();
        let page = page.unwrap_or_else(|| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
        // Who asked may have given up.
        let _ = stream.write_all(&page).await;
        let _ = stream.shutdown().await;
    }
}

/// A new authority, and a server with a certificate by it.
fn authority_and_server(names: &[&str]) -> (RootCertStore, TlsAcceptor) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (roots, TlsAcceptor::from(Arc::new(config)))
}
