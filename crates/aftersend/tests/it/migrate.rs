//! `migrate`.

use crate::program::Setup;

#[tokio::test]
async fn up_down_and_up_again_on_a_schema_of_its_own() {
    let setup = Setup::empty().await;
    let up = setup.run(&["migrate", "up", "--json"]).json();
    let steps: Vec<&str> =
        up["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["136", "137", "a1", "a2"]);
    assert!(setup.run(&["migrate", "up"]).ok().contains("nothing to do"));
    let down = setup.run(&["migrate", "down", "--to", "136", "--json"]).json();
    let steps: Vec<&str> =
        down["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["a2", "a1", "137"]);
    let status = setup.run(&["migrate", "status", "--json"]).json();
    assert_eq!(
        (status["phoenix_kit_version"].as_u64(), status["reached"].as_str()),
        (Some(136), Some("136"))
    );
    assert!(setup.run(&["migrate", "status"]).ok().contains("aftersend migrate up"));
    setup.run(&["migrate", "up"]).ok();
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "a2");
}

#[tokio::test]
async fn down_goes_one_step_and_loses_nothing_unless_told() {
    let setup = Setup::migrated().await;
    setup.run(&["migrate", "down"]).ok();
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "a1");
    let said = setup.run(&["migrate", "down", "--to", "0"]).fails(1);
    assert!(said.contains("--drop-data"), "{said}");
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "a1");
    setup.run(&["migrate", "down", "--to", "0", "--drop-data"]).ok();
    assert!(setup.run(&["migrate", "status"]).ok().contains("no version marker"));
}

#[tokio::test]
async fn verify_exits_with_1_where_something_differs() {
    let setup = Setup::migrated().await;
    let said = setup.run(&["migrate", "verify"]).ok();
    assert!(
        said.contains("PhoenixKit version 137, compared with step a2") && said.contains("No differences"),
        "{said}"
    );
    let prefix = setup.schema.prefix();
    let drift = format!(
        "DROP INDEX \"{prefix}\".phoenix_kit_email_logs_status_sent_at_idx; \
         CREATE INDEX own_idx ON \"{prefix}\".phoenix_kit_email_logs (subject)"
    );
    setup.client().await.batch_execute(&drift).await.unwrap();
    let run = setup.run(&["migrate", "verify"]);
    assert_eq!((run.code, &*run.stderr), (1, ""), "{}", run.stdout);
    for part in [
        "Different:\n  phoenix_kit_email_logs\n    - the index phoenix_kit_email_logs_status_sent_at_idx is missing\n",
        &format!("      fix: aftersend migrate up --prefix {prefix} ("),
        "Worth knowing:\n  phoenix_kit_email_logs\n    - index own_idx is not PhoenixKit's\n",
        "1 difference.",
    ] {
        assert!(run.stdout.contains(part), "`{part}` is not in: {}", run.stdout);
    }
    let run = setup.run(&["migrate", "verify", "--json"]);
    assert_eq!(run.code, 1);
    let found: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&found["step"], &found["phoenix_kit_version"]), (&"a2".into(), &137.into()));
    assert_eq!(found["differences"].as_array().unwrap().len(), 1);
    assert_eq!(found["notes"][0]["table"], "phoenix_kit_email_logs");
    setup.run(&["migrate", "up"]).ok();
    assert_eq!(
        setup.run(&["migrate", "verify", "--json"]).json()["differences"].as_array().unwrap().len(),
        0
    );
}
