//! The program as a process that takes events in until somebody ends it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a poller may take to end when it is asked to. It finishes its batch.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// How often it is looked meanwhile.
const END_POLL: Duration = Duration::from_millis(10);

/// Of what a poller said, the end that is shown when a test fails.
const SAID_CHARS_MAX: usize = 4_000;

/// A running poller. Dropped, it is killed.
pub(super) struct Poller {
    child: Child,
    output: PathBuf,
    errors: PathBuf,
}

impl Poller {
    /// Starts a command; what it says goes to files of that name.
    pub(super) fn start(mut command: Command, log: &Path) -> Self {
        let (output, errors) = (log.with_extension("out"), log.with_extension("err"));
        let child = command
            .stdout(Stdio::from(File::create(&output).unwrap()))
            .stderr(Stdio::from(File::create(&errors).unwrap()))
            .spawn()
            .unwrap();
        Self { child, output, errors }
    }

    /// SIGKILL, and the end of it.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Whether it has ended by itself and is content.
    pub(super) fn has_done_all(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some_and(|status| status.success())
    }

    /// What it says first on standard output, in JSON.
    pub(super) async fn first_word(&mut self) -> Value {
        let deadline = Instant::now() + END_TIMEOUT;
        loop {
            let output = fs::read_to_string(&self.output).unwrap();
            if let Some((line, _)) = output.split_once('\n') {
                return serde_json::from_str(line).unwrap();
            }
            assert!(!self.has_ended(), "it ended by itself; it said:\n{}", self.said());
            assert!(Instant::now() < deadline, "it says nothing");
            tokio::time::sleep(END_POLL).await;
        }
    }

    /// What it said on standard error, the end of it.
    pub(super) fn said(&self) -> String {
        let said = fs::read_to_string(&self.errors).unwrap_or_default();
        let start = said.char_indices().rev().nth(SAID_CHARS_MAX).map_or(0, |(start, _)| start);
        said[start..].to_owned()
    }

    /// Asks it to end, expects that it does so in order, and gives its tally.
    pub(super) async fn end(mut self) -> Value {
        assert!(!self.has_ended(), "a poller ended by itself; it said:\n{}", self.said());
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let deadline = Instant::now() + END_TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "a poller does not end; it said:\n{}", self.said());
            // Not blocking: the proxies that it needs to end in order may run on this very thread.
            tokio::time::sleep(END_POLL).await;
        };
        assert!(status.success(), "a poller ended with {status}; it said:\n{}", self.said());
        let output = fs::read_to_string(&self.output).unwrap();
        serde_json::from_str(output.lines().last().unwrap()).unwrap()
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
