//! `archive prune` and `erase`.

use std::fs;

use serde_json::json;

use crate::program::Setup;

async fn with_mails() -> Setup {
    let setup = Setup::migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let events: String = [("m1", "ann@example.com", "2020-01-01"), ("m2", "bob@example.com", "2020-01-02")]
        .map(|(id, to, day)| {
            format!(
                r#"{{"eventType":"Send","mail":{{"timestamp":"{day}T10:00:00.000Z","messageId":"{id}","source":"a@example.com","destination":["{to}"]}},"send":{{}}}}"#
            ) + "\n"
        })
        .concat();
    fs::write(&path, events).unwrap();
    setup.run(&["ingest", "file", path.to_str().unwrap()]).ok();
    setup
}

#[tokio::test]
async fn what_is_old_is_deleted_as_the_configuration_says() {
    let setup = with_mails().await;
    let nothing = setup.run(&["archive", "prune"]).fails(1);
    assert!(nothing.contains("archive.delete_after"), "{nothing}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aftersend.toml");
    let file = path.to_str().unwrap();
    fs::write(&path, "[archive]\ndelete_after = '36d'\n").unwrap();
    let refused = setup.run(&["archive", "prune", "--config", file]).fails(2);
    assert!(refused.contains("37 days") && refused.contains("aftersend.toml, line 2"), "{refused}");

    fs::write(&path, "[archive]\ndelete_after = '40d'\ndelete_raw_after = '1d'\n").unwrap();
    let would = setup.run(&["archive", "prune", "--dry-run", "--json", "--config", file]).json();
    assert_eq!((&would["dry_run"], &would["deleted"]["mails"]["rows"]), (&json!(true), &json!(2)));
    assert!(setup.run(&["show", "m1"]).ok().contains("ann@example.com"));
    let said = setup.run(&["archive", "prune", "--config", file]).ok();
    assert!(said.contains("2 mails deleted, about"), "{said}");
    setup.run(&["show", "m1"]).fails(1);
    let again = setup.run(&["archive", "prune", "--json", "--config", file]).json();
    assert_eq!(again["deleted"]["mails"]["rows"], 0);
}

#[tokio::test]
async fn a_person_is_erased_when_somebody_says_so() {
    let setup = with_mails().await;
    let erase = |more: &[&str]| setup.run(&[&["erase", "--recipient", "Ann@Example.com"], more].concat());
    let asked = erase(&[]).fails(1);
    assert!(asked.contains("1 mail would be emptied") && asked.contains("--yes"), "{asked}");
    assert_eq!(erase(&["--dry-run", "--json"]).json()["mails_emptied"], 1);
    assert!(setup.run(&["show", "m1"]).ok().contains("ann@example.com"));
    assert!(erase(&["--yes"]).ok().contains("1 mail to this address alone: emptied"));
    assert_eq!(setup.run(&["search", "ann", "--json"]).ok(), "");
    assert!(setup.run(&["show", "m2"]).ok().contains("bob@example.com"));
    assert!(setup.run(&["erase", "--recipient", "ann", "--yes"]).fails(1).contains("no address"));
}
