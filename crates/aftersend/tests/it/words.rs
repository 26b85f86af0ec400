//! Usage, versions, and sentences that say what to do.

use crate::program::{Setup, ended, program, run};

#[test]
fn versions_and_usage() {
    let version = format!("aftersend {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).ok(), version);
    assert_eq!(run(&["serve", "--version"]).ok(), version);
    assert!(run(&[]).fails(2).contains("Usage"));
    assert!(run(&["serach", "jane"]).fails(2).contains("'search'"));
    assert!(run(&["search", "jane", "--stauts", "sent"]).fails(2).contains("'--status'"));
    assert!(run(&["search", "jane", "--status", "bouncy"]).fails(2).contains("hard_bounced"));
    assert!(
        run(&["migrate", "up", "--to", "140"])
            .fails(2)
            .contains("136, 137, a1, a2, a3, a4, a5, a6, a7, a8, a9 and a10")
    );
    assert!(run(&["--prefix", "Mail-1", "migrate", "status"]).fails(2).contains("small letters"));
    assert!(run(&["serve", "--listen", "0.0.0.0:4100"]).fails(2).contains("this machine only"));
    assert!(run(&["demo", "--break"]).fails(2).contains("--once"));
}

#[test]
fn a_missing_server_is_named_with_the_way_out_and_without_the_password() {
    let url = "postgres://somebody:s3cret@127.0.0.1:1/mail";
    let said = run(&["search", "jane", "--database-url", url]).fails(1);
    assert!(said.contains("no PostgreSQL server answers at 127.0.0.1, port 1"), "{said}");
    assert!(said.contains("private server"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let said = run(&["search", "jane", "--database-url", "postgres://h:port/"]).fails(2);
    assert!(said.contains("can't be read") && said.contains("postgres://user:password@host"), "{said}");
}

#[tokio::test]
async fn the_last_resort_for_a_database_is_named_when_it_is_used() {
    let setup = Setup::migrated().await;
    let output = program()
        .env("DATABASE_URL", setup.schema.url())
        .args(["search", "jane", "--prefix", setup.schema.prefix()])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("DATABASE_URL"));
}

#[tokio::test]
async fn a_schema_that_is_behind_is_named_with_the_command() {
    let setup = Setup::empty().await;
    let said = setup.run(&["search", "jane"]).fails(1);
    let command = format!("aftersend migrate up --prefix {}", setup.schema.prefix());
    assert!(said.contains("is at step none") && said.contains(&command), "{said}");
    setup.run(&["migrate", "up", "--to", "137"]).ok();
    assert!(setup.run(&["serve"]).fails(1).contains("is at step 137"));
    // Looking and storing changed nothing.
    assert!(setup.run(&["ingest", "file", "/dev/null"]).fails(1).contains("is at step 137"));
}

#[tokio::test]
async fn an_unknown_mail_is_said_to_be_unknown() {
    let setup = Setup::migrated().await;
    let said = setup.run(&["show", "0100-nobody"]).fails(1);
    assert!(said.contains("no mail has that id") && said.contains("aftersend search"), "{said}");
    assert_eq!(setup.run(&["search", "jane", "--json"]).ok(), "");
    assert!(setup.run(&["search", "jane"]).ok().contains("No mail"));
}

#[tokio::test]
async fn a_mail_is_shown_by_how_its_uuid_begins() {
    let setup = Setup::migrated().await;
    let prefix = setup.schema.prefix();
    let client = setup.schema.client().await;
    let insert = format!(
        r#"INSERT INTO "{prefix}".phoenix_kit_email_logs (uuid, message_id, "to", "from", inserted_at, updated_at)
           VALUES ('01990000-aaaa-7000-8000-000000000001', 'one', 'a@b.example', 'b', now(), now()),
                  ('01990000-bbbb-7000-8000-000000000002', 'two', 'a@b.example', 'b', now(), now())"#
    );
    client.batch_execute(&insert).await.unwrap();
    let shown = setup.run(&["show", "01990000-b", "--json"]).json();
    assert_eq!(shown["message_id"], "two", "{shown}");
    let said = setup.run(&["show", "01990000"]).fails(1);
    assert!(said.contains("several mails begin so"), "{said}");
    assert!(said.contains("01990000-aaaa-7000-8000-000000000001") && said.contains("bbbb"), "{said}");
    assert!(setup.run(&["show", "0199000"]).fails(1).contains("8 digits at least"));
}

#[tokio::test]
async fn a_flag_names_the_database_before_any_variable() {
    let setup = Setup::migrated().await;
    let said =
        setup.run(&["search", "jane", "--database-url", "postgres://x@127.0.0.1:1/", "--data-dir", "/tmp/x"]);
    assert!(said.fails(2).contains("give one of them"));
    assert!(run(&["search", "jane", "--database-url", ""]).fails(2).contains("--database-url is empty"));
    // The folder named by a flag is tried, and not the database that the variable names.
    let said = setup.run(&["search", "jane", "--data-dir", "/dev/null/no"]).fails(1);
    assert!(said.contains("/dev/null"), "{said}");
    // A command to copy must lead to the same database.
    let empty = Setup::empty().await;
    let arguments =
        ["search", "jane", "--database-url", empty.schema.url(), "--prefix", empty.schema.prefix()];
    let said = ended(program().args(arguments).output().unwrap()).fails(1);
    assert!(said.contains("with the same --database-url"), "{said}");
}
