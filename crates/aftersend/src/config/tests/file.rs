//! What stands in a configuration file, and what is said of it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{PATH, settle, settle_file};
use crate::config::{
    fault::ConfigError,
    file::{ConfigFile, usual_places},
    settings::Flags,
};

#[track_caller]
fn check_fault(text: &str, line: usize, column: usize, what: &str) {
    let said = settle_file(text).unwrap_err();
    assert_eq!(said, format!("{PATH}, line {line}, column {column}: {what}"));
}

#[test]
fn a_key_that_nobody_knows_is_refused_with_the_nearest() {
    check_fault("\n\nprefx = 'x'", 3, 1, "unknown key `prefx`; did you mean `prefix`?");
    check_fault("[[queue]]\n  ulr = 'x'", 2, 3, "unknown key `queue.ulr`; did you mean `url`?");
    check_fault("[ingst]\npollers = 1", 1, 2, "unknown table `ingst`; did you mean `ingest`?");
    check_fault(
        "[ingest]\ncolour = 'red'",
        2,
        1,
        "unknown key `ingest.colour`; there are: template_tag, campaign_tag, pollers, unknown_mails, park_for, metrics_listen",
    );
    check_fault(
        "colour = 'red'",
        1,
        1,
        "unknown key `colour`; there are: database_url, prefix, data_dir, listen, ingest, queue, hooks, archive",
    );
    // Written below a table's head, a key is one of that table.
    check_fault(
        "[ingest]\ndatabase_url = 'postgres://a:secret@b/c'",
        2,
        1,
        "unknown key `ingest.database_url`; `database_url` belongs above the first [table]",
    );
    check_fault("region = 'x'", 1, 1, "unknown key `region`; `region` belongs in a [[queue]]");
    check_fault("template_tag = 'x'", 1, 1, "unknown key `template_tag`; `template_tag` belongs in [ingest]");
}

#[test]
fn a_value_that_cannot_be_is_refused_with_what_would_be_right() {
    check_fault("prefix = 7", 1, 1, "`prefix`: it should be a text in quotes, not a number");
    check_fault("prefix = ''", 1, 1, "`prefix`: it is empty; leave the key out instead");
    check_fault("listen = true", 1, 1, "`listen`: it should be a text in quotes, not true or false");
    for (value, found) in [
        ("0", "0"),
        ("33", "33"),
        ("-1", "-1"),
        ("'two'", "a text"),
        ("1.5", "a number with a fraction"),
        ("[1]", "a list"),
        ("0xFFFFFFFFFFFFFFFFFF", "a number beyond 64 bits"),
        ("2026-11-22", "a date or time"),
    ] {
        let what = format!("`ingest.pollers`: it should be a whole number from 1 to 8, not {found}");
        check_fault(&format!("[ingest]\npollers = {value}"), 2, 1, &what);
    }
    let said = settle_file("listen = '0.0.0.0:80'").unwrap_err();
    assert!(said.contains("line 1, column 1: `listen`: the site has no log-in yet"), "{said}");
    let said = settle_file("[[queue]]\nurl = 'ses-events'").unwrap_err();
    assert!(said.contains("line 2, column 1: `queue.url`: `ses-events` is no queue URL"), "{said}");
    let said = settle_file("[[queue]]\nname = 'a b'\nurl = 'https://host/q'").unwrap_err();
    assert!(said.contains("`queue.name`: a name has letters, digits"), "{said}");
}

#[test]
fn what_a_stronger_layer_hides_is_read_all_the_same() {
    let flags = Flags { prefix: Some("own".parse().unwrap()), ..Flags::default() };
    let said = settle(&flags, &[("AFTERSEND_PREFIX", "Two")], Some("prefix = 'Three'")).unwrap_err();
    assert!(said.starts_with("2 settings can't be used:\n  the variable AFTERSEND_PREFIX: "), "{said}");
    assert!(said.contains(&format!("\n  {PATH}, line 1, column 1: `prefix`: ")), "{said}");
    let flags = Flags { queue_url: Some("https://host/q".to_owned()), ..Flags::default() };
    assert!(settle(&flags, &[], Some("[[queue]]\nname = 'q'")).unwrap_err().contains("no `url`"));
}

#[test]
fn a_table_has_its_brackets() {
    check_fault(
        "[queue]\nurl = 'https://host/q'",
        1,
        2,
        "there may be several queues; write [[queue]], with two brackets",
    );
    check_fault("ingest = 3", 1, 1, "`ingest` is a table; write [ingest]");
    check_fault(
        "queue = ['https://host/q']",
        1,
        10,
        "a queue is a table; write [[queue]], and its keys below",
    );
    check_fault("[listen]\nport = 3", 1, 2, "`listen`: it should be a text in quotes, not a table");
}

#[test]
fn what_is_no_toml_is_said_with_its_place_and_without_its_text() {
    for text in [
        "prefix = 'x'\ndatabase_url = postgres://app:s3cret@host/mail",
        "prefix = 'x'\ndatabase_url = 'postgres://app:s3cret@host/mail",
        "prefix = 'x'\npostgres://app:s3cret@host/mail",
        "prefix = 'x'\ndatabase_url = \"s3cret\\q\"",
    ] {
        let said = settle_file(text).unwrap_err();
        assert!(said.contains("line 2, column ") && said.contains("this is no TOML"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    let said = settle_file("prefix = 'a'\nprefix = 'b'").unwrap_err();
    assert!(said.contains("line 2") && said.contains("this is no TOML: duplicate key"), "{said}");
    let said = settle_file("database_url = 'postgres://app:s3cret@host:port/mail'").unwrap_err();
    assert!(said.contains("`database_url`: the database URL can't be read"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn all_faults_are_told_at_once_in_their_order() {
    let said = settle_file("prefx = 'x'\nprefix = 'X'\n[ingest]\npollers = 0\n").unwrap_err();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert_eq!(lines[0], "3 settings can't be used:");
    for (line, place) in lines[1..].iter().zip(["line 1,", "line 2,", "line 4,"]) {
        assert!(line.contains(place), "{said}");
    }
}

fn find(flag: Option<&Path>, variables: &[(&str, &Path)]) -> Result<Option<ConfigFile>, ConfigError> {
    ConfigFile::find(flag, &|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    })
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.toml");
    let said = find(Some(&missing), &[]).unwrap_err().to_string();
    assert!(said.contains("--config names") && said.contains("missing.toml"), "{said}");
    let said = find(None, &[("AFTERSEND_CONFIG", &missing)]).unwrap_err().to_string();
    assert!(said.contains("AFTERSEND_CONFIG names"), "{said}");
    assert!(find(Some(folder.path()), &[]).is_err(), "a folder is no file");

    let present = folder.path().join("present.toml");
    fs::write(&present, "prefix = 'own'\n").unwrap();
    // The flag goes first, and none of the usual places is looked at.
    let found = find(Some(&present), &[("AFTERSEND_CONFIG", &missing)]).unwrap().unwrap();
    assert_eq!(found.path, present);
    assert!(found.root.position_of("prefix").is_some());
}

#[test]
fn the_usual_places_are_the_current_folder_the_users_and_the_machines() {
    let places = |variables: &[(&str, &str)]| -> Vec<String> {
        let environment =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        usual_places(&environment).into_iter().map(|(_, path)| path.display().to_string()).collect()
    };
    let (here, machine) = ("aftersend.toml", "/etc/aftersend/aftersend.toml");
    assert_eq!(
        places(&[("HOME", "/home/ann")]),
        [here, "/home/ann/.config/aftersend/aftersend.toml", machine]
    );
    assert_eq!(
        places(&[("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "/conf")]),
        [here, "/conf/aftersend/aftersend.toml", machine]
    );
    // A relative one is to be ignored, says the specification.
    assert_eq!(places(&[("XDG_CONFIG_HOME", "conf")]), [here, machine]);
}

#[test]
fn a_file_with_a_password_that_everybody_may_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aftersend.toml");
    let notes = |text: &str, mode: u32| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let file = find(Some(&path), &[]).unwrap();
        let settings =
            crate::config::settings::Settings::settle(&Flags::default(), &|_| None, file.as_ref()).unwrap();
        settings.notes
    };
    let secret = "database_url = 'postgres://app:s3cret@host/mail'";
    let [note] = &notes(secret, 0o644)[..] else { panic!("one note") };
    assert!(note.contains("holds a password") && note.contains("chmod o-r"), "{note}");
    assert!(!note.contains("s3cret"), "{note}");
    assert!(notes(secret, 0o640).is_empty());
    assert!(notes("database_url = 'postgres://app@host/mail'", 0o644).is_empty());
}

#[test]
fn what_is_not_utf_8_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aftersend.toml");
    fs::write(&path, b"prefix = 'own'\n# Gr\xfc\xdfe\n").unwrap();
    let file = find(Some(&path), &[]).unwrap().unwrap();
    assert_eq!(file.faults.len(), 1);
    assert!(file.faults[0].to_string().ends_with("line 2, column 5: this is not UTF-8, as TOML has to be"));
}
