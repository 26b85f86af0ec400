//! The program under test, run as a person runs it.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::processor;

/// How long one call may take before it counts as hanging.
const CALL_TIME_MAX: Duration = Duration::from_hours(2);

/// How often a running program's memory is looked at: what it takes in its last moment may go unseen.
const MEMORY_LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What is quoted of a failed call's words.
const QUOTED_CHARS_MAX: usize = 2_000;

/// Variables that would lead the program to another database or queue.
const LEADING_ELSEWHERE: [&str; 9] = [
    "DATABASE_URL",
    "AFTERSEND_CONFIG",
    "AFTERSEND_DATABASE_URL",
    "AFTERSEND_DATA_DIR",
    "AFTERSEND_ENDPOINT_URL",
    "AFTERSEND_LOG",
    "AFTERSEND_PREFIX",
    "AFTERSEND_QUEUE_URL",
    "AFTERSEND_REGION",
];

/// Credentials for a queue on this machine, which takes any: not those of the person who runs the bench.
const CREDENTIALS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "bench"), ("AWS_SECRET_ACCESS_KEY", "bench")];

/// The way that step 137 goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// In batches that commit, indexes built concurrently: the program's default.
    Online,
    /// In one transaction.
    Plain,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Online, Self::Plain];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Plain => "plain",
        }
    }

    /// What the command line has for it.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Online => &[],
            Self::Plain => &["--in-transaction"],
        }
    }
}

/// The binary `aftersend`.
pub(crate) struct Product {
    path: PathBuf,
}

/// A step that was taken.
pub(crate) struct Migration {
    /// When the program was started.
    pub(crate) began: Instant,
    /// When it had ended.
    pub(crate) ended: Instant,
    /// The processor time it took itself, on Linux: the rest of the work was the server's.
    pub(crate) processor_time: Option<Duration>,
    /// What it said about the steps, as JSON.
    pub(crate) said: Value,
}

/// A program that took events in and has ended.
pub(crate) struct Ingestion {
    /// The most memory that it had in use, on Linux: `VmHWM`, as last seen before its end.
    /// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
    pub(crate) peak_memory_bytes: Option<u64>,
    /// What it said about the messages, as JSON.
    pub(crate) said: Value,
}

impl Product {
    /// The program at that place, or else the one beside this program.
    pub(crate) fn find(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => {
                env::current_exe().context("finding this program's own folder")?.with_file_name("aftersend")
            }
        };
        if !path.is_file() {
            bail!(
                "there is no {}: build it (cargo build --package aftersend), or name it (--aftersend)",
                path.display()
            );
        }
        Ok(Self { path })
    }

    /// What it says its version is.
    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        let output = self.call(Command::new(&self.path).arg("--version")).await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The tables as step 136 makes them, in a new database.
    pub(crate) async fn make_schema(&self, address: &str) -> anyhow::Result<()> {
        self.migrate_up(address, &["--to", "136"]).await.map(drop)
    }

    /// All steps that the database lacks, each in one transaction: quicker where nobody writes.
    pub(crate) async fn bring_up_to_date(&self, address: &str) -> anyhow::Result<()> {
        self.migrate_up(address, &["--in-transaction"]).await.map(drop)
    }

    /// Step 137 on a database that has 136, timed from the program's start to its end.
    pub(crate) async fn take_step(&self, address: &str, way: Way) -> anyhow::Result<Migration> {
        self.migrate_up(address, &[&["--to", "137"], way.arguments()].concat()).await
    }

    /// Takes in what the words after `ingest` name, into a database.
    pub(crate) async fn ingest(&self, address: &str, words: &[&OsStr]) -> anyhow::Result<Ingestion> {
        let mut command = self.on_database(address);
        command.arg("ingest").args(words);
        let child = self.start(&mut command)?;
        let process = child.id();
        let ended = self.end(child);
        tokio::pin!(ended);
        let mut peak_memory_bytes = None;
        let output = loop {
            tokio::select! {
                output = &mut ended => break output?,
                () = sleep(MEMORY_LOOK_INTERVAL) => {
                    peak_memory_bytes = process.and_then(peak_memory_bytes_of).max(peak_memory_bytes);
                }
            }
        };
        Ok(Ingestion { peak_memory_bytes, said: last_line(&output)? })
    }

    /// Compresses the bodies of all older mails, timed from the program's start to its end.
    pub(crate) async fn compress(&self, address: &str) -> anyhow::Result<(Duration, Value)> {
        let mut command = self.on_database(address);
        command.args(["archive", "compress"]);
        let began = Instant::now();
        let output = self.call(&mut command).await?;
        Ok((began.elapsed(), last_line(&output)?))
    }

    async fn migrate_up(&self, address: &str, words: &[&str]) -> anyhow::Result<Migration> {
        let mut command = self.on_database(address);
        command.args(["migrate", "up"]).args(words);
        let (processor_before, began) = (processor::of_ended_children(), Instant::now());
        let output = self.call(&mut command).await?;
        let (ended, processor_after) = (Instant::now(), processor::of_ended_children());
        let processor_time = processor_after.and_then(|after| after.checked_sub(processor_before?));
        Ok(Migration { began, ended, processor_time, said: last_line(&output)? })
    }

    fn on_database(&self, address: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["--json", "--database-url", address]);
        command
    }

    async fn call(&self, command: &mut Command) -> anyhow::Result<Output> {
        self.end(self.start(command)?).await
    }

    fn start(&self, command: &mut Command) -> anyhow::Result<Child> {
        for variable in LEADING_ELSEWHERE {
            command.env_remove(variable);
        }
        command.envs(CREDENTIALS).env_remove("AWS_PROFILE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().with_context(|| format!("running {}", self.path.display()))
    }

    async fn end(&self, child: Child) -> anyhow::Result<Output> {
        let path = self.path.display();
        let output = timeout(CALL_TIME_MAX, child.wait_with_output())
            .await
            .with_context(|| format!("{path} did not end in {} s", CALL_TIME_MAX.as_secs()))?
            .with_context(|| format!("waiting for {path}"))?;
        if !output.status.success() {
            let said: String =
                String::from_utf8_lossy(&output.stderr).trim().chars().take(QUOTED_CHARS_MAX).collect();
            bail!("{path} ended with {}: {said}", output.status);
        }
        Ok(output)
    }
}

fn last_line(output: &Output) -> anyhow::Result<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().context("the program ended well and said nothing")?;
    serde_json::from_str(line).context("the program's last line is no JSON")
}

#[cfg(target_os = "linux")]
pub(crate) fn peak_memory_bytes_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let (_, rest) = status.split_once("VmHWM:")?;
    let kib: u64 = rest.lines().next()?.trim().trim_end_matches("kB").trim_end().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn peak_memory_bytes_of(_process: u32) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_process_is_seen() {
        let own = peak_memory_bytes_of(std::process::id()).unwrap();
        assert!(own > 1024 * 1024, "{own}");
        assert_eq!(peak_memory_bytes_of(u32::MAX), None);
    }
}
