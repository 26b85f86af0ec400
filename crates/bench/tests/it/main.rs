//! The bench as a person runs it, at a size that takes seconds.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const EXIT_INTERRUPTED: i32 = 130;

/// A folder that the server's account may enter, too, where this is root.
fn open_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("bench").tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The bench with its data in that folder. It runs the program beside it: `script/test` builds that one first, and
/// where it is missing the bench says how to.
fn bench(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aftersend-bench"));
    command.args(arguments).arg("--folder").arg(folder.path()).stdin(Stdio::null());
    command
}

fn entries(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

#[track_caller]
fn expect_positive(report: &Value, pointer: &str) {
    let figure = report.pointer(pointer).and_then(Value::as_f64);
    assert!(figure.is_some_and(|figure| figure > 0.0), "{pointer} is {figure:?} in {report}");
}

#[test]
fn a_small_bench_of_steps_gives_every_figure_and_leaves_nothing() {
    let (folder, results) = (open_folder(), TempDir::new().unwrap());
    let file = results.path().join("report.json");
    let output =
        bench(&folder, &["migrate", "--mails", "500", "--runs", "1", "--opens", "50", "--lead-seconds", "0"])
            .args(["--alone-seconds", "0.3", "--duplicates-per-second", "100", "--output"])
            .arg(&file)
            .output()
            .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout, fs::read_to_string(&file).unwrap());
    let report: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();

    assert_eq!(report["sizes"]["mails"], 500);
    assert_eq!(report["sizes"]["events"], 1500 + 150 + 396);
    assert_eq!(report["sizes"]["ids_to_backfill"], 50);
    assert_eq!(report["duplicates"], 150 + 396);
    assert_eq!(report["postgres"]["settings"]["fsync"], "on");
    assert_eq!(report["postgres"]["settings"]["synchronous_commit"], "on");
    expect_positive(&report, "/machine/cores");
    expect_positive(&report, "/online_to_plain");
    expect_positive(&report, "/writer_alone/write_max_ms");
    for way in ["online", "plain"] {
        expect_positive(&report, &format!("/{way}_seconds"));
        expect_positive(&report, &format!("/write_max_ms/{way}"));
        expect_positive(&report, &format!("/opens_50_seconds/{way}"));
        expect_positive(&report, &format!("/opens_500_seconds/{way}"));
        expect_positive(&report, &format!("/opens_tenfold_ratio/{way}"));
        // So short a step may well meet nobody.
        assert!(report["lock_wait_max_ms"][way].is_number(), "{report}");
        for situation in ["with_writer", "with_duplicates"] {
            for figure in ["seconds", "write_max_ms", "write_p50_ms", "write_p99_ms", "writes_done"] {
                expect_positive(&report, &format!("/{situation}/{figure}/{way}"));
            }
        }
    }
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2 * 5);
    for run in runs {
        assert!(run["error"].is_null(), "{run}");
        assert_eq!(run["said"]["steps"][0]["step"], "137");
    }
    assert_eq!(entries(&folder), 0);
}

#[test]
fn a_small_bench_of_ingest_gives_every_figure_and_leaves_nothing() {
    let folder = open_folder();
    let sizes = ["--mails", "300", "--older-mails", "200", "--row-events", "400", "--messages", "120"];
    let output = bench(&folder, &["ingest", "--runs", "1"]).args(sizes).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();

    assert_eq!(report["sizes"]["events"], 1200);
    assert_eq!(report["sizes"]["older_events"], 600);
    assert!(report["sizes"]["event_bytes"].as_u64() >= Some(2_000), "{report}");
    assert_eq!(report["postgres"]["settings"]["fsync"], "on");
    for (way, events) in [
        ("aftersend", 1200),
        ("aftersend_two", 1200),
        ("floor", 1200),
        ("row_at_a_time", 400),
        ("sqs", 120),
        ("sqs_bare", 120),
    ] {
        expect_positive(&report, &format!("/{way}/events_per_second"));
        assert_eq!(report[way]["events"], events);
    }
    for figure in [
        "aftersend_to_floor",
        "aftersend_two_to_floor",
        "aftersend_to_row_at_a_time",
        "sqs_to_bare",
        "sqs_to_lower",
        "round_trips_per_event",
        "aftersend/peak_memory_bytes",
    ] {
        expect_positive(&report, &format!("/{figure}"));
    }
    // Both store as many to a transaction, but for how the last one ends; a row at a time is just that.
    let batch = |way: &str| report[way]["events_per_transaction"].as_f64().unwrap();
    assert!(batch("aftersend") > 50.0, "{report}");
    assert!((batch("aftersend") / batch("floor") - 1.0).abs() < 0.2, "{report}");
    assert_eq!(report["row_at_a_time"]["events_per_transaction"], 1.0);
    assert!(report["runs"].as_array().unwrap().iter().all(|run| run["error"].is_null()), "{report}");
    assert_eq!(entries(&folder), 0);
}

#[test]
fn a_small_bench_of_search_gives_every_figure_and_uses_its_data_again() {
    let folder = open_folder();
    let sizes = ["--mails", "3000", "--requests", "3", "--plain-runs", "2", "--export-mails", "2500"];
    for reused in [false, true] {
        let output = bench(&folder, &["search"]).args(sizes).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        let report: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();

        assert_eq!(report["sizes"]["mails"], 3000);
        assert_eq!(report["sizes"]["recipients"], 3000);
        assert_eq!(report["sizes"]["reused"], reused);
        if !reused {
            expect_positive(&report, "/sizes/quarters_counted");
        }
        let events = report["sizes"]["events"].as_u64().unwrap();
        assert!((8_000..12_000).contains(&events), "{report}");
        assert_eq!(report["postgres"]["settings"]["fsync"], "on");
        assert_eq!(report["postgres"]["settings"]["maintenance_work_mem"], "64MB");
        for case in [
            "first_page",
            "status_filter",
            "rare_substring",
            "common_substring",
            "no_match",
            "no_match_of_common_trigrams",
            "template_page",
            "overview_90_days",
            "one_mail",
        ] {
            for figure in ["p50_ms", "p95_ms", "max_ms", "plain_p50_ms", "plain_p95_ms"] {
                expect_positive(&report, &format!("/{case}/{figure}"));
            }
            assert_eq!(report[case]["requests"], 3, "{report}");
            for bad in ["failed", "time_up", "plain_stopped"] {
                assert_eq!(report[case][bad], 0, "{case}: {report}");
            }
        }
        // Parts come by thousands, and it ends with the one that it has enough with.
        assert!(report["export"]["mails"].as_u64() >= Some(2500), "{report}");
        expect_positive(&report, "/export/seconds");
        #[cfg(target_os = "linux")]
        for figure in ["memory_before_bytes", "peak_memory_growth_bytes_at_tenth", "peak_memory_growth_bytes"]
        {
            assert!(report["export"][figure].is_u64(), "{report}");
        }
    }
    assert_eq!(entries(&folder), 1);
}

#[test]
fn an_interrupt_removes_what_was_to_be_kept_and_is_not_whole() {
    let folder = open_folder();
    let mut bench = bench(&folder, &["search", "--mails", "3000"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(bench.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("which is kept")));
    kill_process(Pid::from_child(&bench), Signal::INT).unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(bench.wait().unwrap().code(), Some(EXIT_INTERRUPTED), "{rest:?}");
    let kept = folder.path().join("aftersend-bench-search-3000");
    assert!(!kept.join("data").exists() && !kept.join("made.json").exists(), "{rest:?}");
}

#[test]
fn an_interrupt_ends_it_and_leaves_nothing() {
    let folder = open_folder();
    let mut bench = bench(&folder, &["migrate", "--mails", "500", "--alone-seconds", "3600"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(bench.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("measuring the writer alone")));
    assert_eq!(entries(&folder), 1);
    kill_process(Pid::from_child(&bench), Signal::INT).unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(bench.wait().unwrap().code(), Some(EXIT_INTERRUPTED), "{rest:?}");
    assert_eq!(entries(&folder), 0);
}

#[test]
fn a_small_bench_of_bodies_gives_every_figure_and_leaves_nothing() {
    let folder = open_folder();
    let output = bench(&folder, &["archive", "--mails", "600", "--reads", "50"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    for figure in [
        "/bytes_per_body/raw",
        "/bytes_per_body/aftersend",
        "/bytes_per_body/zstd",
        "/bytes_per_body/base64_gzip",
        "/bodies_per_second",
        "/plain_updates_per_second",
        "/read/p50_ms",
        "/read/p95_ms",
        "/writer/alone/max_ms",
        "/writer/beside_compressing/max_ms",
    ] {
        expect_positive(&report, figure);
    }
    assert_eq!(entries(&folder), 0);
}
