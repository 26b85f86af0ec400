use super::*;

async fn count(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

async fn schemas_named(client: &Client, prefix: &str) -> i64 {
    count(client, &format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{prefix}'")).await
}

#[tokio::test]
async fn a_schema_is_fresh_and_gone_after_the_test() {
    let database = Database::get().await;
    let (one, other) = (database.fresh_schema(), database.fresh_schema());
    assert_ne!(one.prefix(), other.prefix());

    let client = one.client().await;
    let prefix = one.prefix().to_owned();
    assert_eq!(schemas_named(&client, &prefix).await, 0);
    let make = format!("CREATE SCHEMA {prefix}; CREATE TABLE {prefix}.mails (id int)");
    client.batch_execute(&make).await.unwrap();
    assert_eq!(schemas_named(&client, &prefix).await, 1);

    drop(one);
    assert_eq!(schemas_named(&database.client().await, &prefix).await, 0);
}

#[tokio::test]
async fn a_forgotten_transaction_does_not_keep_the_schema() {
    let database = Database::get().await;
    let schema = database.fresh_schema();
    let prefix = schema.prefix().to_owned();
    let client = schema.client().await;
    client
        .batch_execute(&format!("CREATE SCHEMA {prefix}; CREATE TABLE {prefix}.mails (id int)"))
        .await
        .unwrap();
    client.batch_execute(&format!("BEGIN; INSERT INTO {prefix}.mails VALUES (1)")).await.unwrap();

    drop(schema);
    assert_eq!(schemas_named(&database.client().await, &prefix).await, 0);
    client.batch_execute("SELECT 1").await.unwrap_err();
}

#[tokio::test]
async fn trigrams_are_there_and_commits_are_quick() {
    let database = Database::get().await;
    let client = database.client().await;
    let query = "SELECT count(*) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
                 WHERE e.extname = 'pg_trgm' AND n.nspname = 'public'";
    assert_eq!(count(&client, query).await, 1);
    if std::env::var_os(URL_VARIABLE).is_none() {
        let row = client.query_one("SHOW synchronous_commit", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "off");
    }
}

#[tokio::test]
async fn a_database_is_empty_and_gone_after_the_test() {
    let database = Database::get().await;
    let own = database.fresh_database().await;
    let client = own.client().await;
    let current: String = client.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
    assert_eq!(current, own.name());
    let extensions = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'";
    assert_eq!(count(&client, extensions).await, 0);
    own.create_pg_trgm().await;
    assert_eq!(count(&client, extensions).await, 1);

    let query = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", own.name());
    // The session of `client` is still there.
    drop(own);
    assert_eq!(count(&database.client().await, &query).await, 0);
}

#[tokio::test]
async fn left_overs_of_killed_tests_go() {
    let database = Database::get().await;
    let client = database.client().await;
    // Named as if made in 1970.
    let (old, young) = (format!("test_0_{}_0", std::process::id()), database.fresh_schema());
    let make = format!("CREATE SCHEMA {old}; CREATE SCHEMA {}; CREATE DATABASE {old}", young.prefix());
    for statement in make.split(';') {
        client.batch_execute(statement).await.unwrap();
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let left = format!(
        "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = '{old}') \
              + (SELECT count(*) FROM pg_database WHERE datname = '{old}')"
    );
    // Another test may be removing left-overs just now, and then this one does not.
    while count(&client, &left).await > 0 {
        assert!(std::time::Instant::now() < deadline, "still there");
        remove_left_overs(&database.client().await).await.unwrap();
    }
    assert_eq!(schemas_named(&client, young.prefix()).await, 1);
}

#[test]
fn parameters_fit_both_kinds_of_connection_strings() {
    let check = |url: &str, expect: &str| {
        let text = with_parameters(url, &[("dbname", "other"), ("application_name", "test")]);
        assert_eq!(text, expect);
        let config: tokio_postgres::Config = text.parse().unwrap();
        assert_eq!(config.get_dbname(), Some("other"));
        assert_eq!(config.get_application_name(), Some("test"));
    };
    check("postgresql://u@h/db", "postgresql://u@h/db?dbname=other&application_name=test");
    check("postgres:///db?host=/s", "postgres:///db?host=/s&dbname=other&application_name=test");
    check("host=/s dbname=db", "host=/s dbname=db dbname=other application_name=test");
}
