//! The configuration file, and what the program says of it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use tempfile::TempDir;

use crate::program::{Run, Setup, ended, program};

/// A folder with a configuration file.
struct Folder(TempDir);

impl Folder {
    fn with(text: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.file(), text).unwrap();
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("aftersend.toml")
    }

    /// Runs the program in the folder, with no file named.
    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = program();
        command.env_remove("AFTERSEND_CONFIG").current_dir(self.0.path()).args(arguments);
        ended(command.output().unwrap())
    }
}

const TEXT: &str = r#"# of the shop
database_url = "postgres://shop:s3cret@db.example.com/mail?sslmode=require"
prefix = "shop"

[[queue]]
url = "https://sqs.eu-central-1.amazonaws.com/123456789012/ses-events"
pollers = 2
"#;

#[test]
fn show_names_each_value_and_where_it_came_from_without_secrets() {
    let folder = Folder::with(TEXT);
    let file = fs::canonicalize(folder.file()).unwrap().display().to_string();
    let mut command = program();
    command.args(["config", "show", "--prefix", "own", "--config", &file]);
    command.env("AFTERSEND_LISTEN", "127.0.0.1:4999").env("AFTERSEND_POLLERS", "4");
    let run = ended(command.output().unwrap());
    assert!(run.stderr.contains("holds a password") && run.stderr.contains("chmod o-r"), "{}", run.stderr);
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    let said = run.ok();
    assert!(!said.contains("s3cret"), "{said}");
    let line = |key: &str| {
        let line = said.lines().find(|line| line.split_whitespace().next() == Some(key));
        let line = line.unwrap_or_else(|| panic!("no {key} in {said}"));
        line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" | ")
    };
    assert_eq!(said.lines().next().unwrap(), format!("Configuration file: {file}"));
    assert_eq!(
        line("database_url"),
        format!("database_url | postgres://shop:***@db.example.com/mail?sslmode=require | {file}:2")
    );
    assert_eq!(line("prefix"), "prefix | own | flag --prefix");
    assert_eq!(line("listen"), "listen | 127.0.0.1:4999 | environment variable AFTERSEND_LISTEN");
    assert_eq!(line("ingest.template_tag"), "ingest.template_tag | template | default");
    assert_eq!(line("queue.ses-events.name"), "queue.ses-events.name | ses-events | default");
    assert_eq!(
        line("queue.ses-events.pollers"),
        "queue.ses-events.pollers | 4 | environment variable AFTERSEND_POLLERS"
    );
    assert_eq!(line("queue.ses-events.region"), "queue.ses-events.region | eu-central-1 | default");
    assert!(line("queue.ses-events.profile").contains("(AWS's own search for credentials)"), "{said}");
}

#[test]
fn show_answers_in_json_and_takes_the_file_of_the_current_folder() {
    let folder = Folder::with(TEXT);
    let said = folder.run(&["config", "show", "--json", "--listen", "127.0.0.1:1"]).json();
    let file = fs::canonicalize(folder.file()).unwrap();
    assert_eq!(said["file"], file.to_str().unwrap());
    let setting = |key: &str| {
        let settings = said["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["key"] == key).unwrap().clone()
    };
    assert_eq!(
        setting("database_url"),
        serde_json::json!({
            "key": "database_url",
            "value": "postgres://shop:***@db.example.com/mail?sslmode=require",
            "source": "file",
            "file": file,
            "line": 2,
        })
    );
    assert_eq!(
        setting("listen"),
        serde_json::json!({ "key": "listen", "value": "127.0.0.1:1", "source": "flag", "flag": "--listen" })
    );
    assert_eq!(setting("queue.ses-events.profile")["value"], serde_json::Value::Null);
    assert_eq!(setting("queue.ses-events.profile")["source"], "default");
    assert!(folder.run(&["config", "check"]).ok().contains("can be used"));
    assert_eq!(folder.run(&["config", "check", "--json"]).json()["usable"], true);
}

#[test]
fn a_key_that_nobody_knows_ends_every_command_before_it_begins() {
    let folder = Folder::with("prefix = 'own'\n\nquue_url = 'x'\n[[queue]]\nurl = 'ses-events'\n");
    let file = fs::canonicalize(folder.file()).unwrap().display().to_string();
    for command in [
        &["search", "jane"][..],
        &["migrate", "up"],
        &["config", "check"],
        &["config", "show", "--json"],
        &["demo", "--once"],
    ] {
        let run = folder.run(command);
        assert_eq!(run.stdout, "");
        let said = run.fails(2);
        assert!(said.contains(&format!("{file}, line 3, column 1: unknown key `quue_url`")), "{said}");
        assert!(
            said.contains(&format!("{file}, line 5, column 1: `queue.url`: `ses-events` is no queue URL")),
            "{said}"
        );
    }
    fs::write(folder.file(), "[[queue]]\nurl = 'https://host/q'\nregoin = 'x'\n").unwrap();
    let said = folder.run(&["ingest", "sqs"]).fails(2);
    assert_eq!(
        said,
        format!("error: {file}, line 3, column 1: unknown key `queue.regoin`; did you mean `region`?\n")
    );
}

#[test]
fn a_file_that_is_named_must_be_there_and_one_that_others_may_write_must_be_named() {
    let folder = Folder::with("prefix = 'own'\n");
    let said = folder.run(&["config", "check", "--config", "elsewhere.toml"]).fails(2);
    assert!(
        said.contains("--config names the configuration file") && said.contains("elsewhere.toml"),
        "{said}"
    );
    fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o666)).unwrap();
    let said = folder.run(&["config", "check"]).fails(2);
    assert!(said.contains("may be written by everyone") && said.contains("--config "), "{said}");
    folder.run(&["config", "check", "--config", "aftersend.toml"]).ok();
    // Nothing is read where that is asked for.
    let said = folder.run(&["config", "show", "--config", "/dev/null"]).ok();
    assert!(said.contains("public"), "{said}");
}

#[tokio::test]
async fn the_database_and_its_schema_come_from_the_file() {
    let setup = Setup::migrated().await;
    let text = format!("database_url = '{}'\nprefix = '{}'\n", setup.schema.url(), setup.schema.prefix());
    let folder = Folder::with(&text);
    assert!(folder.run(&["search", "jane"]).ok().contains("No mail"));
    // A command to copy must lead to the same database.
    let empty = Setup::empty().await;
    let text = format!("database_url = '{}'\nprefix = '{}'\n", empty.schema.url(), empty.schema.prefix());
    fs::write(folder.file(), text).unwrap();
    let said = folder.run(&["search", "jane", "--config", "aftersend.toml"]).fails(1);
    assert!(said.contains("with the same --config"), "{said}");
}

#[tokio::test]
async fn tags_of_other_names_name_the_template_and_the_campaign() {
    let setup = Setup::migrated().await;
    let folder = Folder::with("[ingest]\ntemplate_tag = 'mail-kind'\n");
    let event = folder.0.path().join("event.json");
    fs::write(
        &event,
        r#"{"eventType":"Send","mail":{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"one","source":"a@example.com","destination":["jane@example.com"],"tags":{"mail-kind":["receipt"],"template":["other"],"shop":["spring"],"campaign":["autumn"]}},"send":{}}"#,
    )
    .unwrap();
    let mut command = setup.program();
    command.arg("--config").arg(folder.file()).args(["ingest", "file"]).arg(&event);
    command.env("AFTERSEND_CAMPAIGN_TAG", "shop");
    ended(command.output().unwrap()).ok();
    let mail = setup.run(&["show", "one", "--json"]).json();
    assert_eq!((&mail["template_name"], &mail["campaign_id"]), (&"receipt".into(), &"spring".into()));
}
