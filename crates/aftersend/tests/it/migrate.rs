//! `migrate`.

use crate::program::Setup;

#[tokio::test]
async fn up_down_and_up_again_on_a_schema_of_its_own() {
    let setup = Setup::empty().await;
    let up = setup.run(&["migrate", "up", "--json"]).json();
    let steps: Vec<&str> =
        up["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["136", "137", "a1"]);
    assert!(setup.run(&["migrate", "up"]).ok().contains("nothing to do"));
    let down = setup.run(&["migrate", "down", "--to", "136", "--json"]).json();
    let steps: Vec<&str> =
        down["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["a1", "137"]);
    let status = setup.run(&["migrate", "status", "--json"]).json();
    assert_eq!(
        (status["phoenix_kit_version"].as_u64(), status["reached"].as_str()),
        (Some(136), Some("136"))
    );
    assert!(setup.run(&["migrate", "status"]).ok().contains("aftersend migrate up"));
    setup.run(&["migrate", "up"]).ok();
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "a1");
}

#[tokio::test]
async fn down_goes_one_step_and_loses_nothing_unless_told() {
    let setup = Setup::migrated().await;
    setup.run(&["migrate", "down"]).ok();
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "137");
    let said = setup.run(&["migrate", "down", "--to", "0"]).fails(1);
    assert!(said.contains("--drop-data"), "{said}");
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "137");
    setup.run(&["migrate", "down", "--to", "0", "--drop-data"]).ok();
    assert!(setup.run(&["migrate", "status"]).ok().contains("no version marker"));
}
