//! `archive run`, `verify`, `restore`, `status`, and `show` of what is away.

use std::{
    fs,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use aftersend_testkit::{
    DatabaseProxy,
    database::proxy::{Direction, Passage},
};

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
    assert!(with(&["archive", "restore", "--mail", "a7"]).ok().starts_with("1 mail brought back whole"));
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

#[tokio::test]
async fn objects_that_hold_an_erased_person_are_listed() {
    let setup = Setup::migrated().await;
    fill(&setup, 12).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    let store = format!("file://{}/objects", folder.path().display());
    fs::write(&file, format!("[archive]\nstore = \"{store}\"\ndelete_archived = true\n")).unwrap();
    let config = file.to_str().unwrap();
    let with = |words: &[&str]| setup.run(&[&["--config", config], words].concat());
    assert_eq!(with(&["archive", "run", "--older-than", "1d", "--json"]).json()["removed"], 12);
    let erase = ["erase", "--recipient", "7@x.org"];
    // Who does not say where the archive is hears that it was not looked through.
    let unknown = setup.run(&[&erase[..], &["--dry-run"]].concat());
    assert!(unknown.code == 1 && unknown.stdout.contains("set `archive.store`"), "{}", unknown.stdout);
    let found = with(&[&erase[..], &["--dry-run", "--json"]].concat()).json();
    assert_eq!(
        (&found["archive"]["objects"][0]["mails"], &found["archive"]["mails_erased"]),
        (&1.into(), &0.into())
    );
    let said = with(&[&erase[..], &["--yes"]].concat()).ok();
    let object = found["archive"]["objects"][0]["object"].as_str().unwrap();
    assert!(said.contains(&format!("still in the archive: {object}, with 1 mails")), "{said}");
    assert!(said.contains("1 archived mails will not be brought back"), "{said}");
    let restored = with(&["archive", "restore", "--json"]).json();
    assert_eq!((&restored["restored"], &restored["erased"]), (&11.into(), &1.into()));
    for id in ["ses-7", "a7"] {
        let said = setup.run(&["show", id]).fails(1);
        assert!(said.contains("was erased for a person's sake") && !said.contains("--mail"), "{said}");
    }
    // One that is not where the archive should be, too.
    fs::rename(folder.path().join("objects"), folder.path().join("elsewhere")).unwrap();
    let away = with(&[&erase[..], &["--yes"]].concat()).fails(1);
    assert!(away.contains("there is no folder") && away.contains("mount what belongs there"), "{away}");
    fs::create_dir(folder.path().join("objects")).unwrap();
    let empty = with(&[&erase[..], &["--yes"]].concat());
    assert!(
        empty.code == 1 && empty.stdout.contains("1 object that the database counts on"),
        "{}",
        empty.stdout
    );
    assert!(with(&["archive", "restore"]).ok().starts_with("no object is in file://"));
    let verified = with(&["archive", "verify"]);
    assert!(
        verified.code == 1 && verified.stdout.contains("1 object that the database counts on"),
        "{}",
        verified.stdout
    );
    fs::remove_dir(folder.path().join("objects")).unwrap();
    assert!(with(&["archive", "verify"]).fails(1).contains("there is no folder"));
    fs::rename(folder.path().join("elsewhere"), folder.path().join("objects")).unwrap();
    // An object that can't be read may hold the person.
    let mut folders = vec![folder.path().join("objects")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "zst") {
                fs::write(path, "garbage").unwrap();
            }
        }
    }
    let told = with(&[&erase[..], &["--yes"]].concat());
    assert!(told.code == 1 && told.stdout.contains("not read, and may name it"), "{}", told.stdout);
}

/// Mails with bodies, some of them compressed, events, and recipients.
async fn fill(setup: &Setup, mails: u32) {
    let prefix = setup.schema.prefix();
    setup
        .client()
        .await
        .batch_execute(&format!(
            r#"INSERT INTO "{prefix}".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", template_name, sent_at, body_full, inserted_at, updated_at)
               SELECT 'a' || n, 'ses-' || n, n || '@x.org', 'b@x.org', 't', timestamptz '2026-01-05' + n * interval '1 hour',
                      repeat('<p>Dear ' || n || '</p>', 40), now(), now()
               FROM generate_series(1, {mails}) AS n;
               INSERT INTO "{prefix}".phoenix_kit_email_events
                   (uuid, email_log_uuid, event_type, event_data, occurred_at, inserted_at, updated_at)
               SELECT gen_random_uuid(), uuid, 'delivery', '{{"note": "whole"}}', sent_at, now(), now()
               FROM "{prefix}".phoenix_kit_email_logs;
               INSERT INTO "{prefix}".aftersend_recipients (email_log_uuid, address, listed, delivered_at)
               SELECT uuid, "to", true, sent_at FROM "{prefix}".phoenix_kit_email_logs"#
        ))
        .await
        .unwrap();
}

/// Runs the program with a SIGKILL at the n-th message to or from PostgreSQL; whether it got to its end before.
async fn killed_at(setup: &Setup, command: &[&str], at: usize, arrives: bool) -> bool {
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let (seen, target) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&child));
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
    loop {
        let ended = child.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
        if let Some(status) = ended {
            return status.success();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Whenever it is killed, each mail is here or in a proven object; and the last run ends as if there had been no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_any_moment_lose_no_mail() {
    const MAILS: u32 = 60;
    let setup = Setup::migrated().await;
    let client = setup.client().await;
    fill(&setup, MAILS).await;
    let content = setup.content().await;
    setup.run(&["archive", "compress", "--older-than", "280d"]).ok();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    let store = format!("file://{}/objects", folder.path().display());
    fs::write(&file, format!("[archive]\nstore = \"{store}\"\ndelete_archived = true\n")).unwrap();
    let config = file.to_str().unwrap();
    let with = |words: &[&str]| setup.run(&[&["--config", config], words].concat());
    let here = format!(
        r#"SELECT count(*) AS here,
                  (SELECT count(*) FROM "{0}".aftersend_archived_mails WHERE removed_at IS NOT NULL) AS gone
           FROM "{0}".phoenix_kit_email_logs"#,
        setup.schema.prefix()
    );
    let mut random = fastrand::Rng::new();
    let (mut kills, mut at, mut between) = (0, 1, 0);
    // In steps, so that the first of them leave and the others stay.
    for age in ["292d", "291d", "1d"] {
        while !killed_at(
            &setup,
            &["--config", config, "archive", "run", "--older-than", age],
            at,
            random.bool(),
        )
        .await
        {
            kills += 1;
            let row = client.query_one(&here, &[]).await.unwrap();
            let (here, gone): (i64, i64) = (row.get("here"), row.get("gone"));
            assert_eq!(here + gone, i64::from(MAILS), "killed at {at}");
            between += i32::from(here > 0 && gone > 0);
            assert!(with(&["archive", "verify"]).code == 0, "killed at {at}");
            at += random.usize(1..14);
        }
        at = random.usize(8..14);
    }
    assert!(kills > 10, "{kills} kills, {between} of them between the first and the last mail");
    with(&["archive", "run", "--older-than", "1d"]).ok();
    let row = client.query_one(&here, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>("here"), row.get::<_, i64>("gone")), (0, i64::from(MAILS)));
    let verified = with(&["archive", "verify", "--json"]).json();
    assert_eq!(verified["faults"], serde_json::json!([]), "{verified}");
    let restored = with(&["archive", "restore", "--json"]).json();
    assert_eq!(restored["restored"], MAILS);
    assert_eq!(setup.content().await, content);
}

/// With nothing to do, with one and with a thousand: counts have units, and the words fit them.
#[tokio::test]
async fn commands_say_what_they_did_in_whole_sentences() {
    let setup = Setup::migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    let store = format!("file://{}/objects", folder.path().display());
    let text = format!("[archive]\nstore = \"{store}\"\narchive_after = \"1d\"\ndelete_after = \"37d\"\n");
    fs::write(&file, text).unwrap();
    let config = file.to_str().unwrap();
    let with = |words: &[&str]| setup.run(&[&["--config", config, "archive"], words].concat());
    let says = |words: &[&str], expected: &str| {
        let said = with(words).ok();
        assert!(said.contains(expected), "{words:?}: {expected} is not in {said}");
    };
    says(&["compress"], "no body was compressed");
    says(&["compress", "--dry-run"], "no body would be compressed");
    says(&["decompress"], "no body is compressed");
    says(&["run", "--dry-run"], "0 mails that went out before 2");
    says(&["run"], "nothing was to be archived: all that is old enough");
    says(&["prune"], "nothing is old enough to be deleted");
    says(&["status"], "nothing is in the archive");
    says(&["verify"], "the database counts on none, so that nothing is missing");

    fill(&setup, 1_200).await;
    says(&["compress"], "1,200 bodies of ");
    says(&["run", "--dry-run"], "1,200 mails that went out before 2");
    says(&["run"], "1,200 mails with 1,200 events went to the archive, in 1 object of ");
    says(&["verify"], "kB is whole, with 1,200 mails and 1,200 events");
    says(&["status"], "the archive holds 1,200 mails in 1 object of ");
    says(&["status"], "-mails  1,200 mails: proven");
    says(&["restore"], "1,200 mails here already");
    says(&["prune", "--dry-run"], "1,200 mails would be deleted, about ");
    says(&["prune"], "1,200 mails deleted, about ");
    says(&["restore", "--mail", "a7"], "no mail was brought back; 1 object read");
    // There is one archive: what goes to another place is not found with the rest.
    let other = format!("file://{}/other", folder.path().display());
    says(
        &["run", "--to", &other],
        &format!("note: what was archived last went to {store}, and this run goes to"),
    );
    let refused = with(&["run", "--to", "objects"]).fails(1);
    assert!(refused.contains("it has neither file:// nor s3:// in front"), "{refused}");
    let refused = with(&["restore", "--from", "file:///nowhere"]).fails(1);
    assert!(refused.contains("there is no folder file:///nowhere"), "{refused}");
}
