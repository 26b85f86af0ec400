//! Programs that tests run on Node.js, installed from the npm registry once per checkout.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where an npm that is asked for many packages at once may give up though the next try succeeds.
const ATTEMPTS_MAX: u32 = 3;

/// A folder of packages below `.tools` of this checkout.
pub(crate) struct Packages {
    /// The folder's name.
    pub(crate) name: &'static str,
    /// What the folder begins with: name and content. The lock file among them names every package with its checksum.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// Looks at what npm has made of it, which differs from one kind of machine to the other.
    pub(crate) check: fn(&Path) -> io::Result<()>,
}

impl Packages {
    /// Installs them, if they are not there yet, and returns their folder. Processes and threads that come at the same
    /// time wait for the one that installs.
    ///
    /// # Panics
    /// If npm is missing or fails.
    pub(crate) fn install(&self) -> PathBuf {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
        let folder = tools.join(self.name);
        self.install_into(&tools, &folder)
            .unwrap_or_else(|error| panic!("can't install {} in {}: {error}", self.name, folder.display()));
        folder
    }

    fn install_into(&self, tools: &Path, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(tools)?;
        // Held until the file is closed, that is to the end of this function; freed by the system if this process
        // is killed.
        let lock = File::create(tools.join(self.name).with_extension("lock"))?;
        lock.lock()?;
        let mark: String = self.files.iter().map(|(_, content)| *content).collect();
        if fs::read_to_string(folder.join("installed")).is_ok_and(|installed| installed == mark) {
            return Ok(());
        }
        // Half an installation of a killed run, or another version's.
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(folder)?,
        }
        for (name, content) in self.files {
            fs::write(folder.join(name), content)?;
        }
        run_npm(folder)?;
        (self.check)(folder)?;
        // Written last: it holds all that the installation was made from.
        fs::write(folder.join("installed"), mark)
    }
}

fn run_npm(folder: &Path) -> io::Result<()> {
    for attempt in 1..=ATTEMPTS_MAX {
        // Install scripts are not needed: the packages hold what they run.
        // The packages are for the Node.js among them, not for the one that runs npm, which would warn.
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
