//! `migrate`.

use crate::program::Setup;

#[tokio::test]
async fn up_down_and_up_again_on_a_schema_of_its_own() {
    let setup = Setup::empty().await;
    let up = setup.run(&["migrate", "up", "--json"]).json();
    let steps: Vec<&str> =
        up["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["136", "137", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10"]);
    assert!(setup.run(&["migrate", "up"]).ok().contains("nothing to do"));
    let down = setup.run(&["migrate", "down", "--to", "136", "--json"]).json();
    let steps: Vec<&str> =
        down["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["a10", "a9", "a8", "a7", "a6", "a5", "a4", "a3", "a2", "a1", "137"]);
    let status = setup.run(&["migrate", "status", "--json"]).json();
    assert_eq!(
        (status["phoenix_kit_version"].as_u64(), status["reached"].as_str()),
        (Some(136), Some("136"))
    );
    assert!(setup.run(&["migrate", "status"]).ok().contains("aftersend migrate up"));
    setup.run(&["migrate", "up"]).ok();
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "a10");
}

#[tokio::test]
async fn down_goes_one_step_and_loses_nothing_unless_told() {
    let setup = Setup::migrated().await;
    setup.run(&["migrate", "down"]).ok();
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "a9");
    let said = setup.run(&["migrate", "down", "--to", "0"]).fails(1);
    assert!(said.contains("--drop-data"), "{said}");
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "a9");
    setup.run(&["migrate", "down", "--to", "0", "--drop-data"]).ok();
    assert!(setup.run(&["migrate", "status"]).ok().contains("no version marker"));
}

#[tokio::test]
async fn verify_exits_with_1_where_something_differs() {
    let setup = Setup::migrated().await;
    let said = setup.run(&["migrate", "verify"]).ok();
    assert!(
        said.contains("PhoenixKit version 137, compared with step a10") && said.contains("No differences"),
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
    assert_eq!((&found["step"], &found["phoenix_kit_version"]), (&"a10".into(), &137.into()));
    assert_eq!(found["differences"].as_array().unwrap().len(), 1);
    assert_eq!(found["notes"][0]["table"], "phoenix_kit_email_logs");
    setup.run(&["migrate", "up"]).ok();
    assert_eq!(
        setup.run(&["migrate", "verify", "--json"]).json()["differences"].as_array().unwrap().len(),
        0
    );
}

/// Tables at 136 with a mail and two events, one of them a duplicate.
async fn with_rows() -> Setup {
    let setup = Setup::empty().await;
    setup.run(&["migrate", "up", "--to", "136"]).ok();
    let prefix = setup.schema.prefix();
    let rows = format!(
        r#"INSERT INTO "{prefix}".phoenix_kit_email_logs (message_id, "to", "from", inserted_at, updated_at)
           VALUES ('m1', 'ann@example.com', 'shop@example.com', now(), now());
           INSERT INTO "{prefix}".phoenix_kit_email_events (email_log_uuid, event_type, inserted_at, updated_at)
           SELECT uuid, 'delivery', now(), now() FROM "{prefix}".phoenix_kit_email_logs, generate_series(1, 2)"#
    );
    setup.client().await.batch_execute(&rows).await.unwrap();
    setup
}

#[tokio::test]
async fn a_plan_tells_what_up_would_do_and_changes_nothing() {
    let setup = with_rows().await;
    let plan = setup.run(&["migrate", "plan"]).ok();
    for part in [
        "from step 136 (PhoenixKit version 136) to step a10",
        "moves 1 duplicate event to",
        "builds 8 indexes",
        "CREATE UNIQUE INDEX CONCURRENTLY",
        "SHARE UPDATE EXCLUSIVE: keeps out nobody",
        "Nothing has been changed. To do it: aftersend migrate up --prefix",
    ] {
        assert!(plan.contains(part), "`{part}` is not in: {plan}");
    }
    assert!(plan.lines().all(|line| line.chars().count() <= 100), "{plan}");
    // Times differ from one to the next.
    let statements = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let plan = setup.run(arguments).json();
        let steps = plan["steps"].as_array().unwrap();
        let operations = steps.iter().flat_map(|step| step["operations"].as_array().unwrap());
        operations.map(|operation| operation["statements"].clone()).collect()
    };
    let planned = statements(&["migrate", "plan", "--json"]);
    assert!(planned.len() > 10, "{planned:#?}");
    assert_eq!(planned, statements(&["migrate", "up", "--dry-run", "--json"]));
    assert_eq!(setup.run(&["migrate", "status", "--json"]).json()["reached"], "136");

    let to = setup.run(&["migrate", "plan", "--to", "137", "--in-transaction", "--json"]).json();
    assert_eq!((&to["way"], &to["target"]), (&"in_transaction".into(), &"137".into()));
    assert_eq!(to["totals"]["duplicate_events"], serde_json::json!({ "number": 1, "measured": true }));
    let operations = to["steps"][0]["operations"].as_array().unwrap();
    assert!(operations.iter().all(|operation| !operation["statements"].as_array().unwrap().is_empty()));
    assert_eq!(to["steps"].as_array().unwrap().len(), 1);

    setup.run(&["migrate", "up"]).ok();
    assert!(setup.run(&["migrate", "plan"]).ok().contains("Nothing to do"));
}

#[tokio::test]
async fn a_plan_with_an_obstacle_names_the_fix_and_exits_with_1() {
    let setup = with_rows().await;
    let lost = format!(r#"COMMENT ON TABLE "{}".phoenix_kit IS 'lost'"#, setup.schema.prefix());
    setup.client().await.batch_execute(&lost).await.unwrap();
    let run = setup.run(&["migrate", "plan"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stdout.contains("In the way") && run.stdout.contains("fix      If you know"),
        "{}",
        run.stdout
    );
    let run = setup.run(&["migrate", "up", "--dry-run", "--json"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let plan: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(plan["obstacles"].as_array().unwrap().len(), 1);
}

/// Without a terminal, progress is lines on standard error, and tells whom it waits for.
#[tokio::test]
async fn a_run_tells_how_far_it_is_and_whom_it_waits_for() {
    let setup = with_rows().await;
    let prefix = setup.schema.prefix();
    let other = setup.client().await;
    let hold = format!(
        r#"SET application_name = 'the shop'; BEGIN; LOCK TABLE "{prefix}".phoenix_kit_email_events IN ROW EXCLUSIVE MODE"#
    );
    other.batch_execute(&hold).await.unwrap();
    let mut child = setup
        .program()
        .args(["migrate", "up", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in std::io::BufRead::lines(std::io::BufReader::new(stderr)) {
            // Nobody listens any more once the line has come.
            let _ = said.send(line.unwrap());
        }
    });
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("waits for")) {
        lines.push(
            heard.recv_timeout(std::time::Duration::from_mins(1)).unwrap_or_else(|_| panic!("{lines:?}")),
        );
    }
    let waits = lines.last().unwrap();
    assert!(waits.starts_with("step 137 up: building ") && waits.contains("(the shop, "), "{waits}");
    let status = loop {
        let status = setup.run(&["migrate", "status", "--json"]).json();
        if !status["migration"]["waits_for"].is_null() {
            break status;
        }
    };
    assert_eq!(
        (&status["migration"]["running"], &status["migration"]["step"]),
        (&true.into(), &"137".into())
    );
    assert!(setup.run(&["migrate", "status"]).ok().contains("A migration is running, in process "));
    other.batch_execute("ROLLBACK").await.unwrap();
    let run = crate::program::ended(child.wait_with_output().unwrap());
    reader.join().unwrap();
    let report: serde_json::Value = serde_json::from_str(&run.ok()).unwrap();
    assert_eq!(report["steps"][0]["step"], "137");
    let status = setup.run(&["migrate", "status", "--json"]).json();
    assert_eq!((&status["migration"], &status["reached"]), (&serde_json::Value::Null, &"a10".into()));
}
