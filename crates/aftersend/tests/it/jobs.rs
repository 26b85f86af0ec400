//! Jobs by schedule in `serve`, by hand beside it, and what is said of them.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use aftersend_testkit::database::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    program::{Setup, ended},
    serve::{get, lines_of, listening},
};

/// How long to wait for what is to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// How soon a program has to end that is told to.
const END_MAX: Duration = Duration::from_secs(10);

/// A database with mails of all ages, and a configuration by which all jobs have something to do.
struct Ground {
    setup: Setup,
    client: Client,
    folder: TempDir,
}

impl Ground {
    async fn new() -> Self {
        let setup = Setup::migrated().await;
        let (client, folder) = (setup.client().await, tempfile::tempdir().unwrap());
        let ground = Self { setup, client, folder };
        ground
            .run(
                r#"INSERT INTO "prefix".phoenix_kit_email_logs
                       (message_id, aws_message_id, "to", "from", sent_at, body_full, inserted_at, updated_at)
                   SELECT 'a' || n, 'ses-' || n, 'a@x.org', 'b@x.org', now() - n * interval '10 days',
                       repeat('<p>Dear reader</p>', 40) || n, now(), now()
                   FROM generate_series(1, 20) AS n"#,
            )
            .await;
        ground.configure("");
        ground
    }

    /// The configuration, and this in it beside.
    fn configure(&self, more: &str) {
        let objects = self.folder.path().join("objects");
        let text = format!(
            "listen = '127.0.0.1:0'\n[archive]\nstore = 'file://{}'\narchive_after = '95d'\ndelete_after = '155d'\n{more}",
            objects.display()
        );
        fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("aftersend.toml")
    }

    async fn run(&self, sql: &str) {
        let sql = sql.replace("\"prefix\"", &format!("\"{}\"", self.setup.schema.prefix()));
        self.client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    async fn rows(&self, sql: &str) -> Vec<Value> {
        let sql = sql.replace("\"prefix\"", &format!("\"{}\"", self.setup.schema.prefix()));
        let sql = format!("SELECT to_jsonb(answer)::text FROM ({sql}) AS answer");
        let rows = self.client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
        rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect()
    }

    /// Has these jobs be due since yesterday, as a process had them on its schedule that was killed.
    async fn make_due(&self, jobs: &str) {
        self.run(&format!(
            r#"INSERT INTO "prefix".aftersend_jobs (job, schedule, next_at)
               SELECT unnest('{{{jobs}}}'::text[]), 'daily 03:00', now() - interval '1 day'
               ON CONFLICT (job) DO UPDATE SET schedule = excluded.schedule, next_at = excluded.next_at"#
        ))
        .await;
    }

    fn serve(&self) -> Server {
        self.serve_with(&self.config())
    }

    fn serve_with(&self, config: &Path) -> Server {
        let mut command = self.setup.program();
        command.args(["serve", "--json", "--config"]).arg(config).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let (address, _) = listening(&mut child);
        Server { child, address }
    }

    /// Runs of jobs that have ended, in the order in which they began.
    async fn ended(&self) -> Vec<Value> {
        self.rows(
            r#"SELECT job, outcome, by_schedule, did, failure FROM "prefix".aftersend_job_runs
               WHERE outcome IS NOT NULL ORDER BY number"#,
        )
        .await
    }

    /// Waits until so many runs have ended.
    async fn until_ended(&self, runs: usize) -> Vec<Value> {
        until("runs have ended", async || Some(self.ended().await).filter(|ended| ended.len() >= runs)).await
    }

    async fn until_at_work(&self) {
        until("a run is at work", async || {
            let at_work =
                self.rows(r#"SELECT job FROM "prefix".aftersend_jobs WHERE run_number IS NOT NULL"#).await;
            (!at_work.is_empty()).then_some(())
        })
        .await;
    }

    fn with(&self, words: &[&str]) -> crate::program::Run {
        let mut program = self.setup.program();
        ended(program.args(words).arg("--config").arg(self.config()).output().unwrap())
    }
}

async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `serve`, which ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Waits until it has asked the database how jobs stand.
    async fn until_jobs_are_told(&self) {
        let line = "aftersend_job_running{job=\"prune\"} 0";
        until("metrics tell of jobs", async || get(&self.address, "/metrics").contains(line).then_some(()))
            .await;
    }

    /// Tells it to end, and says how long it took.
    async fn stop(mut self) -> Duration {
        let began = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return began.elapsed();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
async fn what_is_due_is_done_in_order_and_told_everywhere() {
    let ground = Ground::new().await;
    ground.make_due("prune,archive,compress").await;
    let server = ground.serve();
    let ended = ground.until_ended(3).await;
    let told: Vec<_> = ended.iter().map(|run| (&run["job"], &run["outcome"], &run["by_schedule"])).collect();
    let (done, by_schedule) = (json!("done"), json!(true));
    let [compress, archive, prune] = ["compress", "archive", "prune"].map(|job| json!(job));
    assert_eq!(
        told,
        [(&compress, &done, &by_schedule), (&archive, &done, &by_schedule), (&prune, &done, &by_schedule)]
    );
    // Of 20 mails, one in ten days: those beyond 30 days, beyond 95, and beyond 155, which are in the archive by then.
    assert_eq!(ended[0]["did"]["compressed_bodies"], 18);
    assert_eq!(ended[1]["did"]["archived_mails"], 11);
    assert_eq!((&ended[2]["did"]["deleted_mails"], &ended[2]["did"]["kept_back"]), (&json!(5), &json!(0)));

    let line = "aftersend_job_last_outcome{job=\"prune\",outcome=\"done\"} 1";
    until("metrics tell of it", async || get(&server.address, "/metrics").contains(line).then_some(())).await;
    let metrics = get(&server.address, "/metrics");
    for line in [
        "aftersend_bodies_compressed_total 18",
        "aftersend_mails_archived_total 11",
        "aftersend_mails_deleted_total{job=\"prune\"} 5",
        "aftersend_job_failures_in_a_row{job=\"archive\"} 0",
        "aftersend_job_running{job=\"archive\"} 0",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line}\n{metrics}");
    }
    let status = ground.with(&["archive", "status", "--json"]).json();
    assert_eq!(status["jobs"][2]["last"]["did"]["deleted_mails"], 5);
    assert_eq!(status["jobs"][0]["schedule"], "daily 03:00");
    let said = ground.with(&["archive", "status"]).ok();
    assert!(said.contains("18 bodies compressed") && said.contains("(daily 03:00)"), "{said}");
    let doctor = ground.with(&["doctor"]).ok();
    assert!(
        doctor.contains("archive: its last run ended at") && doctor.contains("may be listed"),
        "{doctor}"
    );
    assert!(server.stop().await < END_MAX);
}

/// Two processes with the same jobs due: each job runs once, and no two of them at a time.
#[tokio::test]
async fn two_programs_share_the_work() {
    let ground = Ground::new().await;
    ground.make_due("prune,archive,compress").await;
    let (one, other) = (ground.serve(), ground.serve());
    ground.until_ended(3).await;
    // Whoever was slower looks once more before it ends.
    one.stop().await;
    other.stop().await;
    assert_eq!(ground.ended().await.len(), 3);
    let overlaps = ground
        .rows(
            r#"SELECT one.job FROM "prefix".aftersend_job_runs AS one
               JOIN "prefix".aftersend_job_runs AS other
                   ON one.number < other.number AND other.began_at < one.ended_at"#,
        )
        .await;
    assert!(overlaps.is_empty(), "{overlaps:?}");
}

/// What one has due is not for others to take back, as often as they start.
#[tokio::test]
async fn programs_that_start_and_end_leave_due_what_others_have_due() {
    let ground = Ground::new().await;
    ground.make_due("prune,archive").await;
    let due = r#"SELECT job FROM "prefix".aftersend_jobs WHERE next_at < now() ORDER BY job"#;
    let jobs = ["archive", "prune"].map(|job| json!({ "job": job }));
    let other = tempfile::tempdir().unwrap();
    let config = other.path().join("aftersend.toml");
    for settings in ["schedule = 'off'", "compress = true", "archive_after = '95d'"] {
        fs::write(&config, format!("listen = '127.0.0.1:0'\n[archive]\n{settings}\n")).unwrap();
        let other = ground.serve_with(&config);
        other.until_jobs_are_told().await;
        assert_eq!(ground.rows(due).await, jobs, "{settings}");
        assert!(other.stop().await < END_MAX);
        assert_eq!(ground.rows(due).await, jobs, "{settings}");
    }
    let server = ground.serve();
    let ended = ground.until_ended(2).await;
    let told: Vec<_> = ended.iter().map(|run| (&run["job"], &run["outcome"])).collect();
    assert_eq!(told, [(&json!("archive"), &json!("done")), (&json!("prune"), &json!("done"))]);
    assert!(server.stop().await < END_MAX);
}

#[tokio::test]
async fn after_a_kill_in_the_middle_another_program_takes_over() {
    let ground = Ground::new().await;
    ground.make_due("compress").await;
    // Whoever wants to compress waits, for half a minute before the job fails of it.
    ground.run(r#"BEGIN; LOCK TABLE "prefix".aftersend_kept_bodies IN ACCESS EXCLUSIVE MODE"#).await;
    let mut killed = ground.serve();
    ground.until_at_work().await;
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    ground.run("COMMIT").await;
    let server = ground.serve();
    let ended = ground.until_ended(2).await;
    assert_eq!((&ended[0]["outcome"], &ended[1]["outcome"]), (&json!("failed"), &json!("done")), "{ended:?}");
    assert!(ended[0]["failure"].as_str().unwrap().contains("the process that ran it ended"), "{ended:?}");
    assert_eq!(ended[1]["did"]["compressed_bodies"], 18);
    let doctor = ground.with(&["doctor"]).ok();
    assert!(doctor.contains("compress: its last run ended at"), "{doctor}");
    assert!(server.stop().await < END_MAX);
}

#[tokio::test]
async fn told_to_end_in_the_middle_it_ends_and_goes_on_the_next_time() {
    let ground = Ground::new().await;
    ground.make_due("compress").await;
    ground.run(r#"BEGIN; LOCK TABLE "prefix".aftersend_kept_bodies IN ACCESS EXCLUSIVE MODE"#).await;
    let server = ground.serve();
    ground.until_at_work().await;
    let took = server.stop().await;
    assert!(took < END_MAX, "{took:?}");
    let ended = ground.ended().await;
    assert_eq!((ended.len(), &ended[0]["outcome"]), (1, &json!("stopped")), "{ended:?}");
    ground.run("COMMIT").await;
    let said = ground.with(&["archive", "status"]).ok();
    assert!(said.contains("stopped half way") && said.contains("; not planned; by hand"), "{said}");
    let server = ground.serve();
    let ended = ground.until_ended(2).await;
    assert_eq!((&ended[1]["outcome"], &ended[1]["did"]["compressed_bodies"]), (&json!("done"), &json!(18)));
    assert!(server.stop().await < END_MAX);
}

/// The last run of the archiver, as it is told.
async fn archive_run(ground: &Ground, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(what, async || {
        let status = ground.with(&["archive", "status", "--json"]).json();
        status["runs"].get(0).filter(|run| is(run)).cloned()
    })
    .await
}

/// Stopped, killed or at work: which of them, and how far it came.
#[tokio::test]
async fn an_archivers_run_is_told_as_it_is() {
    let ground = Ground::new().await;
    // Whoever wants to begin an object waits, for half a minute before the run fails of it; all may be read meanwhile.
    let holder = ground.setup.client().await;
    let prefix = ground.setup.schema.prefix();
    let hold = format!(r#"BEGIN; LOCK TABLE "{prefix}".aftersend_archive_objects IN EXCLUSIVE MODE"#);
    let begin = || {
        let mut command = ground.setup.program();
        command.args(["archive", "run", "--config"]).arg(ground.config()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    holder.batch_execute(&hold).await.unwrap();
    let child = begin();
    archive_run(&ground, "it is at work", |run| run["state"] == "at_work").await;
    assert!(ground.with(&["archive", "status"]).ok().contains("0 removed: at work"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let said = ended(child.wait_with_output().unwrap()).fails(1);
    assert!(said.contains("stopped: what was done stays done"), "{said}");
    let run = archive_run(&ground, "it was stopped", |run| run["state"] != "at_work").await;
    assert_eq!((&run["state"], &run["failure"], &run["mails"]), (&json!("stopped"), &Value::Null, &json!(0)));
    assert!(run["ended_at"].is_string(), "{run}");
    let said = ground.with(&["archive", "status"]).ok();
    assert!(said.contains("0 removed: stopped at 2") && said.contains("stopped half way after"), "{said}");

    let mut child = begin();
    archive_run(&ground, "it is at work", |run| run["state"] == "at_work").await;
    child.kill().unwrap();
    child.wait().unwrap();
    let run = archive_run(&ground, "it was killed", |run| run["state"] != "at_work").await;
    assert_eq!((&run["state"], &run["ended_at"]), (&json!("lost"), &Value::Null));
    let said = ground.with(&["archive", "status"]).ok();
    assert!(said.contains("0 removed: ended by force: its process was killed"), "{said}");

    // By schedule, it is told to end with the process.
    ground.make_due("archive").await;
    let server = ground.serve();
    archive_run(&ground, "it is at work", |run| run["state"] == "at_work").await;
    assert!(server.stop().await < END_MAX);
    let run = archive_run(&ground, "it was stopped", |run| run["state"] != "at_work").await;
    assert_eq!(run["state"], "stopped", "{run}");
    holder.batch_execute("COMMIT").await.unwrap();
    let server = ground.serve();
    let run = archive_run(&ground, "it is done", |run| run["state"] == "done").await;
    assert_eq!(run["mails"], 11, "{run}");
    assert!(server.stop().await < END_MAX);
    let states = ground.with(&["archive", "status", "--json"]).json();
    let states: Vec<&Value> = states["runs"].as_array().unwrap().iter().map(|run| &run["state"]).collect();
    assert_eq!(states, ["done", "stopped", "lost", "stopped"]);
}

#[tokio::test]
async fn a_failure_is_told_with_what_to_do_and_ends_nothing() {
    let ground = Ground::new().await;
    // A file where the folder should be.
    fs::write(ground.folder.path().join("objects"), "no folder").unwrap();
    ground.make_due("archive").await;
    let server = ground.serve();
    let ended = ground.until_ended(1).await;
    assert_eq!((&ended[0]["job"], &ended[0]["outcome"]), (&json!("archive"), &json!("failed")));
    assert!(get(&server.address, "/healthz").starts_with("HTTP/1.1 200"));
    // It is tried again in a minute, not tomorrow.
    let soon = r#"SELECT next_at <= now() + interval '1 min' AS soon FROM "prefix".aftersend_jobs WHERE job = 'archive'"#;
    assert_eq!(ground.rows(soon).await, [json!({ "soon": true })]);
    assert!(server.stop().await < END_MAX);
    let said = ground.with(&["archive", "status"]).ok();
    assert!(said.contains("it failed: ") && said.contains("then: aftersend archive run"), "{said}");

    ground.run(r#"UPDATE "prefix".aftersend_jobs SET failures_in_a_row = 3 WHERE job = 'archive'"#).await;
    let doctor = ground.with(&["doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.stdout);
    assert!(doctor.stdout.contains("archive: 3 runs in a row have failed"), "{}", doctor.stdout);
    let found: Value = serde_json::from_str(&ground.with(&["doctor", "--json"]).stdout).unwrap();
    let graded = |check: &str| {
        let found = found["findings"].as_array().unwrap().iter().find(|found| found["check"] == check);
        found.map_or(Value::Null, |found| found["grade"].clone())
    };
    assert_eq!(
        (graded("job_archive"), graded("archive_store")),
        (json!("wrong"), json!("wrong")),
        "{found:#}"
    );

    // By hand, mended, it is over.
    fs::remove_file(ground.folder.path().join("objects")).unwrap();
    assert_eq!(ground.with(&["archive", "run", "--json"]).json()["mails"], 11);
    let status = ground.with(&["archive", "status", "--json"]).json();
    let archive = &status["jobs"][1];
    assert_eq!((&archive["failures_in_a_row"], &archive["last"]["by_schedule"]), (&json!(0), &json!(false)));
    assert_eq!(archive["last"]["outcome"], "done");
}

#[tokio::test]
async fn by_hand_beside_another_run_says_so() {
    let ground = Ground::new().await;
    ground.make_due("compress").await;
    ground.run(r#"BEGIN; LOCK TABLE "prefix".aftersend_kept_bodies IN ACCESS EXCLUSIVE MODE"#).await;
    let server = ground.serve();
    ground.until_at_work().await;
    for command in [&["archive", "compress"][..], &["archive", "run"], &["archive", "prune"]] {
        let said = ground.with(command).fails(1);
        assert!(
            said.contains("the job `compress` is at work since") && said.contains("by schedule"),
            "{said}"
        );
    }
    ground.run("COMMIT").await;
    // To look is always possible.
    ground.with(&["archive", "prune", "--dry-run"]).ok();
    ground.until_ended(1).await;
    ground.with(&["archive", "prune"]).ok();
    assert!(server.stop().await < END_MAX);
}

/// What keeps the database from taking part is told once, and over when it is over.
#[tokio::test]
async fn a_database_that_is_busy_is_waited_for() {
    let ground = Ground::new().await;
    ground.make_due("compress").await;
    ground.run(r#"BEGIN; LOCK TABLE "prefix".aftersend_jobs IN ACCESS EXCLUSIVE MODE"#).await;
    let mut command = ground.setup.program();
    command.args(["serve", "--json", "--config"]).arg(ground.config()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let log = lines_of(child.stderr.take().unwrap());
    let (address, _) = listening(&mut child);
    let server = Server { child, address };
    let told = log.recv_timeout(PATIENCE).unwrap();
    assert!(told.contains("waits for the database") && told.contains("55P03"), "{told}");
    ground.run("COMMIT").await;
    ground.until_ended(1).await;
    assert!(server.stop().await < END_MAX);
    let more: Vec<String> = log.iter().filter(|line| line.contains("waits for the database")).collect();
    assert!(more.is_empty(), "{more:?}");
}

#[tokio::test]
async fn off_is_off_and_who_never_served_is_told() {
    let ground = Ground::new().await;
    let doctor = ground.with(&["doctor"]).ok();
    assert!(doctor.contains("prune: no run is planned") && doctor.contains("`serve` plans it"), "{doctor}");
    let planned = || {
        let status = ground.with(&["archive", "status", "--json"]).json();
        let jobs = status["jobs"].as_array().unwrap().iter();
        jobs.filter(|job| !job["next_at"].is_null() || !job["schedule"].is_null()).count()
    };
    let server = ground.serve();
    until("all is planned", async || (planned() == 3).then_some(())).await;
    assert!(server.stop().await < END_MAX);
    assert_eq!(planned(), 0);
    ground.run(r#"UPDATE "prefix".aftersend_jobs SET next_at = now() - interval '1 day'"#).await;
    ground.configure("schedule = 'off'\n");
    let server = ground.serve();
    server.until_jobs_are_told().await;
    assert_eq!(planned(), 0);
    assert!(server.stop().await < END_MAX);
    assert!(ground.ended().await.is_empty());
    let doctor = ground.with(&["doctor"]).ok();
    assert!(doctor.contains("nothing is done by itself"), "{doctor}");

    ground.configure("schedule = 'every 6 hours'\n");
    ground.make_due("compress").await;
    let doctor = ground.with(&["doctor"]).ok();
    assert!(
        doctor.contains("compress: due since") && doctor.contains("start it, or see its log"),
        "{doctor}"
    );
    ground.configure("schedule = 'nightly'\n");
    let said = ground.with(&["config", "check"]).fails(2);
    assert!(said.contains("`daily 03:00`") && said.contains("every 6 hours"), "{said}");
}
