use std::time::Duration;

use aftersend_testkit::{
    Database, PoolMode, Pooler,
    database::{Client, TestSchema},
};

use super::*;
use crate::{
    schema::{Migrator, Step},
    testing::assert_says,
};

/// What is said, to a migrator and to who only asks for the status, through a pooler.
async fn check_refused(schema: &TestSchema, pooler: &Pooler) {
    let address: DatabaseAddress = pooler.url().parse().unwrap();
    let parts =
        ["port 6432", "connection pooler", "lock and its settings belong to one session", "port 5432"];
    assert_says(Migrator::open(&address, schema.prefix().parse().unwrap()).await.map(drop), &parts);
    assert_says(Migrator::status(&address, &schema.prefix().parse().unwrap()).await.map(drop), &parts);
}

async fn check_transactions(sessions_max: u16) {
    let schema = Database::get().await.fresh_schema();
    let pooler = Pooler::start(schema.url(), PoolMode::Transaction, sessions_max).await;
    check_refused(&schema, &pooler).await;
    // Also when its sessions have been used by others, in whatever order they came back.
    let clients = clients(&pooler, sessions_max).await;
    for client in &clients {
        client.batch_execute("BEGIN").await.unwrap();
    }
    for client in &clients {
        client.batch_execute("COMMIT").await.unwrap();
    }
    check_refused(&schema, &pooler).await;
}

async fn clients(pooler: &Pooler, count: u16) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(pooler.client().await);
    }
    clients
}

#[tokio::test]
async fn a_pool_of_one_session_is_refused() {
    check_transactions(1).await;
}

#[tokio::test]
async fn a_pool_of_several_sessions_is_refused() {
    check_transactions(5).await;
}

#[tokio::test]
async fn a_pool_without_transactions_is_refused() {
    let schema = Database::get().await.fresh_schema();
    for sessions_max in [1, 5] {
        let pooler = Pooler::start(schema.url(), PoolMode::Statement, sessions_max).await;
        check_refused(&schema, &pooler).await;
    }
}

/// What a person gets to read must not be about a name that another client's driver gave to a statement: drivers
/// count them up.
#[tokio::test]
async fn statements_prepared_by_others_do_not_garble_the_answer() {
    let schema = Database::get().await.fresh_schema();
    let pooler = Pooler::start(schema.url(), PoolMode::Transaction, 1).await;
    let other = pooler.client().await;
    let prepare = "DO $$ BEGIN FOR number IN 0..1999 LOOP EXECUTE format('PREPARE s%s AS SELECT', number); END LOOP; END $$";
    other.batch_execute(prepare).await.unwrap();
    check_refused(&schema, &pooler).await;
}

/// Clients that come and go in transactions of a few milliseconds, more of them than the pool has sessions.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_pool_is_refused() {
    let schema = Database::get().await.fresh_schema();
    let pooler = Pooler::start(schema.url(), PoolMode::Transaction, 3).await;
    let busy: Vec<_> = clients(&pooler, 6)
        .await
        .into_iter()
        .map(|client| {
            tokio::spawn(async move {
                loop {
                    client.batch_execute("BEGIN; SELECT pg_sleep(0.002); COMMIT").await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..5 {
        check_refused(&schema, &pooler).await;
    }
    for task in &busy {
        assert!(!task.is_finished(), "a client has stopped");
        task.abort();
    }
}

/// Where chance has hidden the sharing so far: in a pool of one, ours is answered only after the other's transaction.
#[tokio::test]
async fn a_transaction_of_the_other_shows_the_sharing() {
    let schema = Database::get().await.fresh_schema();
    for sessions_max in [1, 5] {
        let pooler = Pooler::start(schema.url(), PoolMode::Transaction, sessions_max).await;
        let address: DatabaseAddress = pooler.url().parse().unwrap();
        let (ours, other) =
            (Connection::open(&address).await.unwrap(), Connection::open(&address).await.unwrap());
        let mut seen = Seen::default();
        held_round(&ours.client, &other.client, &mut seen).await.unwrap();
        assert!(seen.is_shared(), "{sessions_max}: {seen:?}");
        // No transaction is left open.
        let open = "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND state LIKE 'idle in%'";
        let open = schema.client().await.query(open, &[&schema.prefix()]).await.unwrap();
        assert!(open.is_empty(), "{sessions_max}");
    }
}

#[tokio::test]
async fn nobody_in_between_is_fine() {
    let schema = Database::get().await.fresh_schema();
    let address: DatabaseAddress = schema.url().parse().unwrap();
    let connection = Connection::open(&address).await.unwrap();
    refuse(&connection, &address).await.unwrap();
}

#[tokio::test]
async fn a_pool_that_leaves_clients_their_sessions_is_fine() {
    let schema = Database::get().await.fresh_schema();
    let pooler = Pooler::start(schema.url(), PoolMode::Session, 5).await;
    let address: DatabaseAddress = pooler.url().parse().unwrap();
    let mut migrator = Migrator::open(&address, schema.prefix().parse().unwrap()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
}

/// A second client can't be had there, and ours has its session for itself.
#[tokio::test]
async fn so_is_one_that_has_no_second_session() {
    let schema = Database::get().await.fresh_schema();
    let pooler = Pooler::start(schema.url(), PoolMode::Session, 1).await;
    let address: DatabaseAddress = pooler.url().parse().unwrap();
    let connection = Connection::open(&address).await.unwrap();
    assert!(!is_shared(&connection, &address, Duration::from_millis(200)).await.unwrap());
}
