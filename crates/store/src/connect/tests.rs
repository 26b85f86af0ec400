mod silence;

use aftersend_testkit::Database;

use super::*;
use crate::testing::{Fixture, assert_says, open as open_event};

const SECRET: &str = "s3cr3t";

async fn open(url: &str) -> Result<Connection, ConnectError> {
    Connection::open(&url.parse()?).await
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    // Nobody listens on port 1, and no socket is in an empty folder.
    let url = format!("postgres://ann:{SECRET}@127.0.0.1:1/mail");
    let error = open(&url).await.err().unwrap();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    assert_says::<(), _>(
        Err(error),
        &["127.0.0.1, port 1, database mail", "refused", "systemctl start postgresql", "leave it out"],
    );
    assert_says(open("host=/nowhere dbname=mail").await.map(drop), &["/nowhere, port 5432"]);
    let store = Store::open(&url.parse().unwrap(), Prefix::default(), TagNames::default()).await;
    assert!(matches!(store, Err(ConnectError::Unreachable { .. })));
}

#[tokio::test]
async fn an_address_that_leads_nowhere() {
    for (address, told) in [
        ("mysql://ann:s3cr3t@db/mail", "it begins with mysql://"),
        ("localhost", "it does not begin with postgres://"),
        ("s3cr3t", "it looks like postgres://"),
    ] {
        let error = address.parse::<DatabaseAddress>().err().unwrap().to_string();
        assert!(error.to_lowercase().contains(told) && !error.contains(SECRET), "{error}");
    }
    // A name of a domain that is nobody's: https://www.rfc-editor.org/rfc/rfc2606
    let error = open(&format!("postgres://ann:{SECRET}@db.invalid/mail")).await.err().unwrap();
    assert!(matches!(error, ConnectError::NoHost { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
}

#[tokio::test]
async fn a_database_or_a_user_that_is_not_there() {
    let database = Database::get().await;
    let url = format!("{}&dbname=no_such_database", database.fresh_schema().url());
    assert_says(open(&url).await.map(drop), &["no such database", "no_such_database", "createdb"]);
    let url = format!("{}&user=no_such_user&password={SECRET}", database.fresh_schema().url());
    let error = open(&url).await.err().unwrap();
    assert!(matches!(error, ConnectError::Login { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
}

/// Somebody listens there, and never says a word.
#[tokio::test]
async fn a_server_that_is_silent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://ann@{}/mail?connect_timeout=1", listener.local_addr().unwrap());
    assert_says(open(&url).await.map(drop), &["no PostgreSQL server answers", "does not speak within 2 s"]);
}

#[tokio::test]
async fn a_server_without_tls_where_it_is_required() {
    // A server says `N` to the question for TLS if it has none.
    // https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut question = [0; 8];
        stream.read_exact(&mut question).unwrap();
        assert_eq!(question, [0, 0, 0, 8, 4, 210, 22, 47]);
        stream.write_all(b"N").unwrap();
    });
    let url = format!("postgres://ann@127.0.0.1:{port}/mail?sslmode=require");
    assert_says(open(&url).await.map(drop), &["sslmode in the URL don't agree", "TLS", "`disable` none"]);
    server.join().unwrap();
    // On a socket of this machine there is nobody between: as libpq, which leaves TLS out there.
    open(&format!("{}&sslmode=require", Database::get().await.fresh_schema().url())).await.unwrap();
}

#[test]
fn an_address_that_cannot_be_read() {
    for url in [
        "nonsense",
        "mysql://host/db",
        &format!("postgres://ann:{SECRET}@host:port/db"),
        &format!("postgres://ann:{SECRET}@host:99999/db"),
        &format!("postgres://ann:{SECRET}@host/db?sslmode=maybe"),
        &format!("postgres://ann:{SECRET}@host/db?bogus={SECRET}"),
        &format!("host=x password='{SECRET}"),
    ] {
        let message = url.parse::<DatabaseAddress>().unwrap_err().to_string();
        assert!(message.contains("It looks like postgres://"), "{message}");
        assert!(!message.contains(SECRET), "{message}");
    }
}

#[test]
fn what_an_address_leaves_open_is_as_libpq_has_it() {
    let config = |text: &str| text.parse::<DatabaseAddress>().unwrap().config;
    let open = config("postgres:///mail?port=1");
    // No server has its socket for port 1 there.
    assert_eq!(open.get_hosts(), [Host::Tcp("localhost".to_owned())]);
    assert_eq!(open.get_user(), None);
    assert_eq!(open.get_dbname(), Some("mail"));
    assert_eq!(open.get_application_name(), Some("aftersend"));
    assert_eq!(open.get_connect_timeout(), Some(&CONNECT_TIMEOUT));

    let socket = Path::new(SOCKET_FOLDER).join(".s.PGSQL.5432").exists();
    let expected = if socket { SOCKET_FOLDER } else { "localhost" };
    assert!("postgres:///mail".parse::<DatabaseAddress>().unwrap().place().starts_with(expected));

    let given =
        config("host=db.example.com user=ann application_name=mine connect_timeout=3 sslmode=verify-full");
    assert_eq!(given.get_hosts(), [Host::Tcp("db.example.com".to_owned())]);
    assert_eq!(given.get_user(), Some("ann"));
    assert_eq!(given.get_application_name(), Some("mine"));
    assert_eq!(given.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert_eq!(given.get_ssl_mode(), tokio_postgres::config::SslMode::Require);
    // An address in numbers needs no name.
    let numbers: DatabaseAddress = "hostaddr=192.0.2.7 dbname=mail".parse().unwrap();
    assert_eq!(numbers.config.get_hosts(), []);
    assert_eq!(numbers.place(), "192.0.2.7, port 5432, database mail");
}

#[test]
fn nothing_shows_a_password() {
    let address: DatabaseAddress = format!("postgres://ann:{SECRET}@host/mail").parse().unwrap();
    assert_eq!(format!("{address:?}"), "DatabaseAddress(host, port 5432, database mail)");
}

/// What readers are set to must hold on every connection of the pool.
#[tokio::test]
async fn readers_cannot_write_and_writers_do_not_wait_for_long() {
    let database = Database::get().await;
    let schema = database.fresh_schema();
    let store =
        Store::open(&schema.url().parse().unwrap(), schema.prefix().parse().unwrap(), TagNames::default())
            .await
            .unwrap();
    let reader = store.reader().await.unwrap();
    let error = reader.client().batch_execute("CREATE TABLE public.never (id int)").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
    // Else whoever breaks pages off fills the server with sessions that answer nobody.
    let row = reader.client().query_one("SHOW client_connection_check_interval", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "500ms");
    let show = async |name: &str| -> String {
        let writer = store.writer().await.unwrap();
        writer.query_one(&format!("SHOW {name}"), &[]).await.unwrap().get(0)
    };
    assert_eq!(show("lock_timeout").await, "500ms");
    assert_eq!(show("plan_cache_mode").await, "force_custom_plan");
}

/// What JSON is compressed by is a setting of the session, so that it needs no change of a schema.
#[tokio::test]
async fn events_are_compressed_the_quick_way_where_the_server_can() {
    let fixture = Fixture::new().await;
    let setting = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'";
    let can: bool = fixture.client.query_one(setting, &[]).await.unwrap().get(0);
    fixture.ingest(&[open_event("m1", "01:00.000", Some(&"x ".repeat(4_000)))]).await;
    let compression =
        r#"SELECT pg_column_compression(event_data) AS by FROM "prefix".phoenix_kit_email_events"#;
    assert_eq!(fixture.row(compression).await["by"], if can { "lz4" } else { "pglz" });

    // A server without it is left as it is.
    let settings = WRITER_SETTINGS.replace("'lz4'", "'unheard-of'");
    fixture.client.batch_execute(&settings).await.unwrap();
    let row = fixture.client.query_one("SHOW default_toast_compression", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "pglz");
}
