//! A real database that takes nothing for a while.

use aftersend_store::{
    Prefix, TagNames,
    schema::{Migrator, Step},
};
use aftersend_testkit::{Database, database::TestDatabase};

use super::*;
use crate::{FileFeed, fixture::Told};

/// Ends the sessions in a database; sessions keep the settings that they began with.
async fn end_sessions(database: &TestDatabase) {
    let statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    Database::get().await.client().await.execute(statement, &[&database.name()]).await.unwrap();
}

async fn execute(database: &TestDatabase, statement: &str) {
    let statement = statement.replace("{d}", database.name());
    Database::get().await.client().await.batch_execute(&statement).await.unwrap();
}

#[tokio::test]
async fn an_endless_poller_outlives_a_database_that_is_read_only_or_closed() {
    let database = Database::get().await.fresh_database().await;
    database.create_pg_trgm().await;
    let address = database.url().parse().unwrap();
    let prefix: Prefix = "public".parse().unwrap();
    Migrator::open(&address, prefix.clone()).await.unwrap().up(Step::LATEST).await.unwrap();
    let store = Store::open(&address, prefix, TagNames::default()).await.unwrap();

    let troubles = [
        (
            "ALTER DATABASE \"{d}\" SET default_transaction_read_only = on",
            "ALTER DATABASE \"{d}\" RESET default_transaction_read_only",
            "the database paused: the database is read-only",
        ),
        (
            "ALTER DATABASE \"{d}\" ALLOW_CONNECTIONS false",
            "ALTER DATABASE \"{d}\" ALLOW_CONNECTIONS true",
            "not currently accepting connections",
        ),
    ];
    for (number, (breaks, mends, told_of)) in troubles.into_iter().enumerate() {
        execute(&database, breaks).await;
        end_sessions(&database).await;
        let body = delivery(&format!("mail-{number}"));
        let mut feed = FileFeed::new(Box::new(std::io::Cursor::new(body)));
        let told = Arc::new(Told::default());
        let pump = Pump::new(store.clone(), Shutdown::channel().1, told.clone());
        let mend = async {
            until("the poller pauses", async || {
                told.conditions().iter().any(|told| told.contains(told_of)).then_some(())
            })
            .await;
            execute(&database, mends).await;
        };
        let running = pump.run(FEED, &mut feed, Patience::Endless);
        let ((tally, result), ()) = tokio::join!(running, mend);
        result.unwrap();
        assert_eq!(tally, Tally { received: 1, stored: 1, ..Tally::default() });
        assert_eq!(told.conditions()[2..], ["the database running", "the feed ended"]);
    }
}
