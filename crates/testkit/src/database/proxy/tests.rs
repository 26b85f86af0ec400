use std::sync::Mutex;

use super::*;
use crate::Database;
use crate::database::Client;

#[tokio::test]
async fn messages_are_seen_and_passed_on() {
    let database = Database::get().await;
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let proxy = DatabaseProxy::start(database.url(), move |passing| {
        log.lock().unwrap().extend(passing.sql().or(passing.done()).map(str::to_owned));
        Passage::Pass
    })
    .await;
    let client = Client::connect(proxy.url()).await;
    client.batch_execute("BEGIN").await.unwrap();
    let row = client.query_one("SELECT $1::int4 + 1", &[&41]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    client.batch_execute("COMMIT").await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, ["BEGIN", "BEGIN", "SELECT $1::int4 + 1", "SELECT 1", "COMMIT", "COMMIT"]);
}

/// What a client gets for a statement that meets this fate on its way.
async fn statement(passage: Passage, direction: Direction) -> Result<(), tokio_postgres::Error> {
    let proxy = DatabaseProxy::start(Database::get().await.url(), move |passing| {
        let hit = passing.direction == direction
            && (passing.sql() == Some("SELECT 1") || passing.done() == Some("SELECT 1"));
        if hit { passage } else { Passage::Pass }
    })
    .await;
    Client::connect(proxy.url()).await.batch_execute("SELECT 1").await
}

#[tokio::test]
async fn a_cut_connection_is_closed_for_both_sides() {
    for passage in [Passage::Cut, Passage::CutWithin] {
        for direction in [Direction::ToServer, Direction::ToClient] {
            assert!(
                statement(passage, direction).await.unwrap_err().is_closed(),
                "{passage:?} {direction:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_late_message_arrives() {
    let began = std::time::Instant::now();
    statement(Passage::Late(Duration::from_millis(50)), Direction::ToClient).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_lost_message_gets_no_answer_and_the_connection_stays() {
    let statement = statement(Passage::Lost, Direction::ToServer);
    tokio::time::timeout(Duration::from_millis(200), statement).await.unwrap_err();
}

#[tokio::test]
async fn a_server_that_is_away_is_a_connection_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("host={} user=nobody dbname=nothing", folder.path().display());
    let proxy = DatabaseProxy::start(&url, |_| Passage::Pass).await;
    assert!(Client::try_connect(proxy.url()).await.is_err());
}
