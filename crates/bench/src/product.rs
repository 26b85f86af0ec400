//! The program under test, run as a person runs it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    process::Command,
    time::{Instant, timeout},
};

/// How long one call may take before it counts as hanging.
const CALL_TIME_MAX: Duration = Duration::from_hours(2);

/// What is quoted of a failed call's words.
const QUOTED_CHARS_MAX: usize = 2_000;

/// Variables that would lead the program to another database.
const LEADING_ELSEWHERE: [&str; 5] =
    ["DATABASE_URL", "AFTERSEND_DATABASE_URL", "AFTERSEND_PREFIX", "AFTERSEND_DATA_DIR", "AFTERSEND_LOG"];

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
        self.migrate_up(address, "136", &[]).await.map(drop)
    }

    /// Step 137 on a database that has 136, timed from the program's start to its end.
    pub(crate) async fn take_step(&self, address: &str, way: Way) -> anyhow::Result<Migration> {
        self.migrate_up(address, "137", way.arguments()).await
    }

    async fn migrate_up(&self, address: &str, step: &str, more: &[&str]) -> anyhow::Result<Migration> {
        let mut command = Command::new(&self.path);
        command.args(["--json", "--database-url", address, "migrate", "up", "--to", step]).args(more);
        let (processor_before, began) = (processor_time_of_children(), Instant::now());
        let output = self.call(&mut command).await?;
        let (ended, processor_after) = (Instant::now(), processor_time_of_children());
        let processor_time = processor_after.and_then(|after| after.checked_sub(processor_before?));
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().last().context("the program ended well and said nothing")?;
        let said = serde_json::from_str(line).context("the program's last line is no JSON")?;
        Ok(Migration { began, ended, processor_time, said })
    }

    async fn call(&self, command: &mut Command) -> anyhow::Result<Output> {
        for variable in LEADING_ELSEWHERE {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        let path = self.path.display();
        let output = timeout(CALL_TIME_MAX, command.output())
            .await
            .with_context(|| format!("{path} did not end in {} s", CALL_TIME_MAX.as_secs()))?
            .with_context(|| format!("running {path}"))?;
        if !output.status.success() {
            let said: String =
                String::from_utf8_lossy(&output.stderr).trim().chars().take(QUOTED_CHARS_MAX).collect();
            bail!("{path} ended with {}: {said}", output.status);
        }
        Ok(output)
    }
}

/// The processor time, user's and system's, of all programs that this one has run and waited for. It runs one at a time,
/// so a difference is one program's. <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
#[cfg(target_os = "linux")]
fn processor_time_of_children() -> Option<Duration> {
    const CUTIME: usize = 16;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets and may hold blanks; the third follows the last bracket.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(CUTIME - 3).map(|ticks| ticks.parse::<u64>().ok());
    let ticks = times.next()?? + times.next()??;
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}

#[cfg(not(target_os = "linux"))]
const fn processor_time_of_children() -> Option<Duration> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_processor_time_of_children_is_counted() {
        let before = processor_time_of_children().unwrap();
        // Tenths of a second of a shell's work, where a tick is a hundredth.
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        assert!(std::process::Command::new("sh").args(["-c", busy]).status().unwrap().success());
        assert!(processor_time_of_children().unwrap() > before);
    }
}
