//! `archive compress` and `archive decompress`.

use std::{
    collections::BTreeMap,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use aftersend_store::{DatabaseAddress, Prefix, Store, TagNames};
use aftersend_testkit::{
    DatabaseProxy,
    database::{
        Client,
        proxy::{Direction, Passage},
    },
};
use uuid::Uuid;

use crate::program::Setup;

/// Mails of two templates with bodies, of which some are the same.
async fn fill(setup: &Setup, client: &Client, mails: u32) -> BTreeMap<Uuid, String> {
    let insert = format!(
        r#"INSERT INTO "{}".phoenix_kit_email_logs
               (uuid, message_id, "to", "from", template_name, sent_at, body_full, inserted_at, updated_at)
           VALUES ($1::uuid, $1::uuid::text, $2, 'app@example.com', $3, '2026-01-05', $4, now(), now())"#,
        setup.schema.prefix()
    );
    let mut random = fastrand::Rng::with_seed(7);
    let common: Vec<String> =
        (0..2).map(|_| (0..2_000).map(|_| random.lowercase()).collect::<String>()).collect();
    let mut bodies = BTreeMap::new();
    for number in 0..mails {
        let own: String = (0..60).map(|_| random.alphanumeric()).collect();
        let own = if number % 9 == 0 { "nobody's own".to_owned() } else { own };
        let template = usize::from(number % 2 == 0);
        let body = format!("<p>Dear {own}</p><p>{}</p>", common[template]);
        let (uuid, to) = (Uuid::now_v7(), format!("{number}@example.com"));
        let template = format!("t{template}");
        client.execute(&insert, &[&uuid, &to, &template, &body]).await.unwrap();
        bodies.insert(uuid, body);
    }
    bodies
}

async fn store(setup: &Setup) -> Store {
    let address: DatabaseAddress = setup.schema.url().parse().unwrap();
    let prefix: Prefix = setup.schema.prefix().parse().unwrap();
    Store::open(&address, prefix, TagNames::default()).await.unwrap()
}

async fn require_all(store: &Store, bodies: &BTreeMap<Uuid, String>) {
    for (mail, body) in bodies {
        assert_eq!(store.read_body(*mail).await.unwrap().as_ref(), Some(body));
    }
}

#[tokio::test]
async fn bodies_are_compressed_and_put_back() {
    let setup = Setup::migrated().await;
    let client = setup.client().await;
    let bodies = fill(&setup, &client, 100).await;
    let dry = setup.run(&["archive", "compress", "--dry-run", "--json"]).json();
    assert_eq!((dry["bodies"].as_u64(), dry["dry_run"].as_bool()), (Some(100), Some(true)));
    let none = setup.run(&["archive", "compress", "--older-than", "36500d", "--json"]).json();
    assert_eq!(none["bodies"].as_u64(), Some(0));
    let done = setup.run(&["archive", "compress", "--json"]).json();
    assert_eq!((done["bodies"].as_u64(), done["dictionaries"].as_u64()), (Some(100), Some(2)), "{done}");
    assert!(done["after_bytes"].as_u64().unwrap() * 5 < done["before_bytes"].as_u64().unwrap(), "{done}");
    assert_eq!(done["body_bytes"], dry["body_bytes"]);
    let store = store(&setup).await;
    require_all(&store, &bodies).await;
    let refused = setup.run(&["migrate", "down", "--to", "a6"]).fails(1);
    assert!(refused.contains("100 bodies") && refused.contains("aftersend archive decompress"), "{refused}");
    let said = setup.run(&["archive", "decompress"]).ok();
    assert!(said.contains("100 bodies"), "{said}");
    require_all(&store, &bodies).await;
    setup.run(&["migrate", "down", "--to", "a6"]).ok();
}

#[tokio::test]
async fn an_applications_tables_are_compressed_only_when_told() {
    let setup = Setup::migrated().await;
    let client = setup.client().await;
    let table = format!(r#""{}".phoenix_kit_email_logs"#, setup.schema.prefix());
    client.batch_execute(&format!("COMMENT ON TABLE {table} IS NULL")).await.unwrap();
    fill(&setup, &client, 20).await;
    let refused = setup.run(&["archive", "compress"]).fails(1);
    assert!(refused.contains("--adopted") && refused.contains("archive.compress = true"), "{refused}");
    assert!(setup.run(&["archive", "compress", "--dry-run"]).ok().contains("20 bodies"));
    let left = async || -> i64 {
        let count = format!("SELECT count(*) FROM {table} WHERE body_full IS NOT NULL");
        client.query_one(&count, &[]).await.unwrap().get(0)
    };
    assert_eq!(left().await, 20);
    let with = |value: &str| {
        let mut program = setup.program();
        program.env("AFTERSEND_ARCHIVE_COMPRESS", value).args(["archive", "compress"]);
        crate::program::ended(program.output().unwrap())
    };
    assert!(with("false").fails(1).contains("`archive.compress` is false"));
    assert_eq!(left().await, 20);
    with("true").ok();
    assert_eq!(left().await, 0);
    setup.run(&["archive", "decompress"]).ok();
    setup.run(&["archive", "compress", "--adopted"]).ok();
    assert_eq!(left().await, 0);
}

/// SIGKILL at messages to and from PostgreSQL, one after the other: whatever was on its way, each body is in one place.
async fn play_kills(command: &[&str], setup: &Setup, bodies: &BTreeMap<Uuid, String>) -> usize {
    let store = store(setup).await;
    let mut random = fastrand::Rng::new();
    let (mut kills, mut at) = (0, 1);
    loop {
        let child: Arc<Mutex<Option<Child>>> = Arc::default();
        let (seen, target) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&child));
        let arrives = random.bool();
        let proxy = DatabaseProxy::start(setup.schema.url(), move |passing| {
            let is_aim = passing.direction == Direction::ToServer || passing.done() == Some("COMMIT");
            if is_aim && seen.fetch_add(1, SeqCst) + 1 == at {
                if let Some(child) = target.lock().unwrap().as_mut() {
                    child.kill().unwrap();
                }
                return if arrives { Passage::Pass } else { Passage::Cut };
            }
            Passage::Pass
        })
        .await;
        let mut program = setup.program();
        program.env("AFTERSEND_DATABASE_URL", proxy.url()).args(command);
        program.stdout(Stdio::null()).stderr(Stdio::null());
        *child.lock().unwrap() = Some(program.spawn().unwrap());
        let status = loop {
            let ended = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            if let Some(status) = ended {
                break status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        require_all(&store, bodies).await;
        if status.success() {
            return kills;
        }
        kills += 1;
        // Those of opening connections are few, and the same each time.
        at += random.usize(1..12);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_any_moment_lose_no_body() {
    let setup = Setup::migrated().await;
    let client = setup.client().await;
    let bodies = fill(&setup, &client, 150).await;
    let kills = play_kills(&["archive", "compress"], &setup, &bodies).await;
    assert!(kills > 5, "{kills} kills");
    let left = format!(
        r#"SELECT count(*) FROM "{}".phoenix_kit_email_logs WHERE body_full IS NOT NULL"#,
        setup.schema.prefix()
    );
    assert_eq!(client.query_one(&left, &[]).await.unwrap().get::<_, i64>(0), 0);
    let kills = play_kills(&["archive", "decompress"], &setup, &bodies).await;
    assert!(kills > 5, "{kills} kills");
    assert_eq!(client.query_one(&left, &[]).await.unwrap().get::<_, i64>(0), 150);
}
