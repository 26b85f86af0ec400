//! `archive run`, `verify`, `restore`, `status`, and `show` of what is away.

use std::fs;

use crate::program::Setup;

#[tokio::test]
async fn mails_leave_are_told_of_and_come_back() {
    let setup = Setup::migrated().await;
    let prefix = setup.schema.prefix();
    let client = setup.client().await;
    client
        .batch_execute(&format!(
            r#"INSERT INTO "{prefix}".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
               SELECT 'a' || n, 'ses-' || n, 'a@x.org', 'b@x.org', now() - n * interval '1 day', now(), now()
               FROM generate_series(1, 10) AS n"#
        ))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file://{}", folder.path().display());
    let file = folder.path().join("aftersend.toml");
    fs::write(
        &file,
        format!("[archive]\nstore = \"{store}/objects\"\narchive_after = \"5d\"\ndelete_archived = true\n"),
    )
    .unwrap();
    let config = file.to_str().unwrap();
    let with = |words: &[&str]| setup.run(&[&["--config", config], words].concat());

    let refused = setup.run(&["archive", "run"]).fails(1);
    assert!(refused.contains("archive_after"), "{refused}");
    let refused = setup.run(&["archive", "verify"]).fails(1);
    assert!(refused.contains("where is the archive?"), "{refused}");

    assert_eq!(with(&["archive", "run", "--dry-run", "--json"]).json()["mails"], 6);
    let report = with(&["archive", "run", "--json"]).json();
    assert_eq!((&report["mails"], &report["removed"]), (&6.into(), &6.into()));
    assert!(with(&["archive", "verify"]).ok().contains("with 6 mails"));
    let status = with(&["archive", "status", "--json"]).json();
    assert_eq!(
        (&status["mails"], &status["removed"], &status["runs"][0]["failure"]),
        (&6.into(), &6.into(), &serde_json::Value::Null)
    );

    let away = setup.run(&["show", "ses-7"]).fails(1);
    assert!(
        away.contains("was archived on") && away.contains("aftersend archive restore --mail ses-7"),
        "{away}"
    );
    assert!(with(&["archive", "restore", "--mail", "a7"]).ok().starts_with("1 mails are back as they were"));
    assert!(setup.run(&["show", "ses-7"]).ok().contains("a@x.org"));
    assert!(with(&["archive", "restore", "--mail", "nobody"]).fails(1).is_empty());
    let report = with(&["archive", "restore", "--json"]).json();
    assert_eq!((&report["restored"], &report["present"]), (&5.into(), &1.into()));

    let object = fs::read_dir(folder.path().join("objects")).unwrap().next().unwrap().unwrap().path();
    for entry in fs::read_dir(object).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "zst") {
            fs::remove_file(path).unwrap();
        }
    }
    setup.run(&["--config", config, "archive", "verify"]).fails(1);
}
