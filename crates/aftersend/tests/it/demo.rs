//! `demo`, with the embedded server and all.

use crate::program::{ended, open_folder, program};

#[test]
fn the_demo_holds_and_its_check_can_fail() {
    let folder = open_folder();
    let demo = |arguments: &[&str]| {
        let mut command = program();
        command
            .arg("--data-dir")
            .arg(folder.path())
            .args(["demo", "--once", "--mails", "70"])
            .args(arguments);
        ended(command.output().unwrap())
    };
    let said = demo(&[]).ok();
    for word in ["sent ", "stored ", "repeated ", "folded ", "quarantined ", "equal: 70 mails"] {
        assert!(said.contains(word), "{said}");
    }
    let broken = demo(&["--break"]);
    assert!(broken.stdout.contains("NOT EQUAL: 1 difference"), "{}", broken.stdout);
    assert_eq!(broken.code, 1);
    // What one run broke, the next does not inherit.
    let said = demo(&["--seed", "2", "--json"]).json();
    assert_eq!(said["equal"], true);
    // The last one out has stopped the server.
    assert!(!folder.path().join("demo/postgres/postmaster.pid").exists());
}
