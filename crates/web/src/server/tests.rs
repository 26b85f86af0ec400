use std::time::Duration;

use aftersend_store::{DatabaseAddress, Prefix, Store, TagNames};
use aftersend_testkit::Database;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

#[tokio::test]
async fn the_site_answers_until_told_to_stop_and_ends_then() {
    let schema = Database::get().await.fresh_schema();
    let address: DatabaseAddress = schema.url().parse().unwrap();
    let prefix: Prefix = schema.prefix().parse().unwrap();
    let store = Store::open(&address, prefix, TagNames::default()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, store, async {
        let _ = stopped.await;
    }));

    // The second connection is left open and idle: it must not hold the site up.
    let mut idle = TcpStream::connect(site).await.unwrap();
    let mut asking = TcpStream::connect(site).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n");
    asking.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    asking.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");

    stop.send(()).unwrap();
    let patience = Duration::from_millis(SHUTDOWN_WAIT_MS_MAX * 3);
    tokio::time::timeout(patience, server).await.expect("the site ends in time").unwrap().unwrap();
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).await.unwrap(), 0, "the idle connection was closed");
}
