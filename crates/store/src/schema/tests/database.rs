//! What is not a schema's but its database's. Making and dropping a database costs seconds, so there are few of them.

use aftersend_testkit::{
    Database,
    database::{Client, TestDatabase},
};

use crate::{
    DatabaseAddress,
    schema::{Migrator, Step},
    sql::assert_every_statement_fits,
};

/// A database of the test's own.
struct Own {
    database: TestDatabase,
    address: DatabaseAddress,
}

impl Own {
    async fn new() -> Self {
        let database = Database::get().await.fresh_database().await;
        let address = database.url().parse().unwrap();
        Self { database, address }
    }

    async fn migrator(&self, prefix: &str) -> Migrator {
        Migrator::open(&self.address, prefix.parse().unwrap()).await.unwrap()
    }
}

/// The schema that the extension lives in, and one of the indexes that use it.
async fn trigrams(client: &Client, prefix: &str) -> (String, String) {
    let row = client
        .query_one(
            "SELECT n.nspname::text, \
                    pg_get_indexdef(format('%I.phoenix_kit_email_logs_to_trgm_index', $1::text)::regclass) \
             FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'pg_trgm'",
            &[&prefix],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn odd_names_of_schemas_do_no_harm() {
    let own = Own::new().await;
    let client = own.database.client().await;
    let setup = "CREATE SCHEMA \"Odd name\"; CREATE EXTENSION pg_trgm SCHEMA \"Odd name\"";
    client.batch_execute(setup).await.unwrap();
    // A keyword, and what a program is pointed at when it is told nothing.
    for prefix in ["select", "public"] {
        own.migrator(prefix).await.up(Step::LATEST).await.unwrap();
        let (schema, index) = trigrams(&client, prefix).await;
        assert_eq!(schema, "Odd name");
        assert!(index.contains("\"Odd name\".gin_trgm_ops"), "{index}");
        assert_every_statement_fits(&client, &prefix.parse().unwrap()).await;
    }
}

#[tokio::test]
async fn trigrams_are_made_and_invalid_indexes_replaced() {
    let own = Own::new().await;
    let client = own.database.client().await;
    client.batch_execute("DROP SCHEMA public").await.unwrap();
    own.migrator("mail").await.up(Step::V136).await.unwrap();

    client
        .batch_execute(
            "INSERT INTO mail.phoenix_kit_email_logs (message_id, \"to\", \"from\", inserted_at, updated_at) \
             VALUES ('m1', 'a', 'b', now(), now()); \
             INSERT INTO mail.phoenix_kit_email_events (email_log_uuid, event_type, inserted_at, updated_at) \
             SELECT uuid, 'send', now(), now() FROM mail.phoenix_kit_email_logs, generate_series(1, 2)",
        )
        .await
        .unwrap();
    // Fails on the duplicate, and leaves an index that keeps nothing out.
    let build = "CREATE UNIQUE INDEX CONCURRENTLY phoenix_kit_email_events_log_uuid_event_type_index \
                 ON mail.phoenix_kit_email_events (email_log_uuid, event_type) WHERE event_type NOT IN ('open', 'click')";
    client.batch_execute(build).await.unwrap_err();
    let reports = own.migrator("mail").await.up(Step::LATEST).await.unwrap();
    assert_eq!(reports[0].notes, ["1 duplicate events removed, and kept in aftersend_removed_events"]);

    // There is no schema public: the extension went where the tables are. And else it goes there.
    assert_eq!(trigrams(&client, "mail").await.0, "mail");
    client.batch_execute("DROP SCHEMA mail CASCADE; CREATE SCHEMA public").await.unwrap();
    own.migrator("mail").await.up(Step::LATEST).await.unwrap();
    assert_eq!(trigrams(&client, "mail").await.0, "public");
}
