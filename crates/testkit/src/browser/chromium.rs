//! Finds the system's Chromium.

use std::env;
use std::path::PathBuf;

/// This variable names the browser to use.
const CHROMIUM: &str = "AFTERSEND_CHROMIUM";

/// Its names in `PATH`, by distribution. Chrome is the same browser.
const PROGRAMS: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// Where macOS keeps it.
const APPLICATIONS: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The browser, or what to do without one.
pub(super) fn find() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os(CHROMIUM).map(PathBuf::from) {
        return if named.is_file() {
            Ok(named)
        } else {
            Err(format!("{CHROMIUM} names {}, which is no file", named.display()))
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    PROGRAMS
        .iter()
        .flat_map(|program| folders.iter().map(move |folder| folder.join(program)))
        .chain(APPLICATIONS.map(PathBuf::from))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            format!(
                "there is no Chromium on this machine, and this test looks at the site in one: run script/test, which \
                 installs it, or name it by {CHROMIUM}=/path/to/chromium, or leave this test out by {}=1",
                super::LEFT_OUT_BY
            )
        })
}
