//! A real browser that looks at a site's pages.
//!
//! `browser/look.js` drives Chromium by Playwright: each page at two widths, in both colour schemes, with scripts and
//! without, and judges what is there by the same rules for all. What a page must not do in any of them is written down
//! in `browser/watch.js` (errors, dialogs, requests elsewhere) and `browser/in-page.js` (what is cut off, what is
//! missing).

mod chromium;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fmt, fs};

use serde::{Deserialize, Serialize};

use crate::npm::Packages;
use crate::queue::installed_node;

/// How long all of it may take. It takes half a minute; a machine busy with other things has needed five.
const TIME_MAX: Duration = Duration::from_mins(15);

/// This variable, set to 1, leaves the browser out: for a machine that can't have one.
pub const LEFT_OUT_BY: &str = "AFTERSEND_NO_BROWSER";

/// This variable names a folder that gets a picture of each page in each variant.
pub const PICTURES_IN: &str = "AFTERSEND_SCREENSHOTS";

const PACKAGES: Packages = Packages {
    name: "browser",
    files: &[
        ("package.json", include_str!("../browser/package.json")),
        ("package-lock.json", include_str!("../browser/package-lock.json")),
    ],
    check: |folder| {
        let needed = ["node_modules/playwright-core/package.json", "node_modules/axe-core/axe.min.js"];
        match needed.into_iter().find(|file| !folder.join(file).is_file()) {
            Some(file) => Err(io::Error::other(format!("npm has put no {file} there"))),
            None => Ok(()),
        }
    },
};

/// Installs what drives the browser into `.tools/browser` of this checkout, unless it is there or the browser is to
/// be left out ([`LEFT_OUT_BY`]). The browser itself is the system's.
///
/// # Panics
/// If npm is missing or fails.
pub fn install() {
    if !is_left_out() {
        PACKAGES.install();
    }
}

/// Whether somebody has chosen to do without ([`LEFT_OUT_BY`]).
pub fn is_left_out() -> bool {
    env::var_os(LEFT_OUT_BY).is_some_and(|value| value == "1")
}

/// A site that runs, and what to look at there.
#[derive(Clone, Debug, Serialize)]
pub struct Site {
    /// For pictures and findings: `empty`.
    pub name: String,
    /// Where it listens on 127.0.0.1: `http://127.0.0.1:4100`, without a slash at the end.
    pub url: String,
    /// Pages to look at.
    pub pages: Vec<Page>,
    /// What somebody does there, after all pages were looked at, those of the other sites, too.
    pub flows: Vec<Flow>,
}

/// A page of a site.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    name: String,
    path: String,
    status: u16,
}

impl Page {
    /// The page at a path, by a name for pictures and findings. It must answer with 200; redirects are followed.
    pub fn new(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self { name: name.into(), path: path.into(), status: 200 }
    }

    /// It must answer with this status.
    #[must_use]
    pub fn answering(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// What somebody does on a site, step by step, as a first visitor whose machine is in the zone of Australia/Darwin, with
/// a window that is 1,440 pixels wide.
#[derive(Clone, Debug, Serialize)]
pub struct Flow {
    /// For pictures and findings: `search`.
    pub name: &'static str,
    /// Whether the browser runs scripts.
    pub scripts: bool,
    /// Taken one after the other. The first that fails is a finding, and the last.
    pub steps: Vec<Step>,
}

/// A step of a [`Flow`]. Elements are named by CSS selectors, or otherwise as in
/// <https://playwright.dev/docs/other-locators>.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Opens a path.
    Go(String),
    /// Writes a text into a field.
    Fill(&'static str, String),
    /// Chooses the option with this value.
    Select(&'static str, &'static str),
    /// Clicks on an element.
    Click(&'static str),
    /// Presses a key: `Enter`, `/`.
    Press(&'static str),
    /// The page says this, now or soon.
    See(String),
    /// The page does not say this, now or soon.
    SeeNot(String),
    /// The window is at this path and query, now or soon.
    BeAt(String),
}

/// Something that is wrong with a page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Finding {
    /// Site, page and path.
    pub page: String,
    /// Width, scheme, and whether scripts run.
    pub variant: String,
    /// What is wrong.
    pub what: String,
    /// A picture of the page, if one could be taken.
    pub picture: Option<PathBuf>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.page, self.variant, self.what)?;
        match &self.picture {
            Some(picture) => write!(f, "\n    picture: {}", picture.display()),
            None => Ok(()),
        }
    }
}

/// The last line of `look.js`: how much it has looked at.
#[derive(Deserialize)]
struct Done {
    loads: usize,
    flows: usize,
}

/// One line of `look.js`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Done(Done),
    Finding(Finding),
}

/// Looks at all pages of these sites in one browser, and gives what is wrong with them. A page with findings leaves a
/// picture in `failures`, which is emptied first.
///
/// # Panics
/// If there is no browser, what drives it can't be installed, or it does not get to its end in time; the
/// message says what to do.
pub async fn look(sites: &[Site], failures: &Path) -> Vec<Finding> {
    let (sites, failures) = (sites.to_vec(), failures.to_owned());
    tokio::task::spawn_blocking(move || look_blocking(&sites, &failures)).await.expect("looking at pages")
}

fn look_blocking(sites: &[Site], failures: &Path) -> Vec<Finding> {
    let chromium = chromium::find().unwrap_or_else(|what| panic!("{what}"));
    if let Err(error) = fs::remove_dir_all(failures)
        && error.kind() != io::ErrorKind::NotFound
    {
        panic!("can't empty {}: {error}", failures.display());
    }
    // A test's working directory is its crate's; a person's is where they called it.
    let pictures = env::var_os(PICTURES_IN).map(PathBuf::from).map(from_checkout);
    let plan = serde_json::json!({
        "chromium": chromium, "sites": sites, "failures": failures, "pictures": pictures,
    });
    let lines = Driver::start(&plan).lines();
    let mut done = None;
    let mut findings = Vec::new();
    for line in lines {
        match serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in: {line}")) {
            Line::Finding(finding) => findings.push(finding),
            Line::Done(counts) => done = Some(counts),
        }
    }
    let done = done.expect("what drives the browser ended early; its own words are above");
    let pages: usize = sites.iter().map(|site| site.pages.len()).sum();
    assert!(done.loads >= pages, "{} loads of {pages} pages", done.loads);
    assert_eq!(done.flows, sites.iter().map(|site| site.flows.len()).sum::<usize>());
    findings
}

/// A relative path is meant from the checkout, where the scripts run.
fn from_checkout(path: PathBuf) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// `look.js`, and the browser that it has started. Its standard input is a pipe from here, at whose end it ends, and
/// the browser with it, also when the test is killed.
struct Driver {
    process: Child,
    // Dropped after the process has ended: the browser's profile is in it.
    _folder: tempfile::TempDir,
}

impl Driver {
    fn start(plan: &serde_json::Value) -> Self {
        let packages = PACKAGES.install();
        let node = installed_node();
        let folder = tempfile::Builder::new().prefix("aft").tempdir().expect("a folder for the browser");
        let process = Command::new(&node)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/look.js"))
            .arg(&packages)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("can't run {}: {error}", node.display()));
        let mut input = process.stdin.as_ref().expect("standard input is a pipe");
        // If it has ended already, its own words say why.
        let _ = writeln!(input, "{plan}");
        Self { process, _folder: folder }
    }

    /// All that it says, until it ends.
    fn lines(mut self) -> Vec<String> {
        let output = self.process.stdout.take().expect("standard output is a pipe");
        let (sender, receiver) = mpsc::channel();
        // Ends with the pipe, which `Drop` closes by ending the process.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                // Nobody listens any more when the deadline has passed.
                let _ = sender.send(line);
            }
        });
        let deadline = Instant::now() + TIME_MAX;
        let mut lines = Vec::new();
        loop {
            match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line.expect("reading what the browser's driver says")),
                Err(mpsc::RecvTimeoutError::Disconnected) => return lines,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("the browser has not looked at every page within {TIME_MAX:?}; so far: {lines:#?}")
                }
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // At the end of this pipe it ends by itself, which gives Playwright the time to end the browser.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests;
