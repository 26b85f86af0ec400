//! Finds the PostgreSQL servers that are installed on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::StartError;
use crate::tool::clean_command;

/// The lowest major version of PostgreSQL that is run.
pub const MAJOR_MIN: u32 = 15;
/// The highest major version of PostgreSQL that is run.
pub const MAJOR_MAX: u32 = 18;

/// The environment variable that names the folder of the server's programs.
const BIN_VARIABLE: &str = "AFTERSEND_POSTGRES_BIN";

/// Where to look for PostgreSQL's programs: folders that hold `postgres`, `initdb` and `pg_ctl`.
#[derive(Debug, Clone)]
pub struct Installations {
    folders: Vec<PathBuf>,
}

/// One installed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    bin: PathBuf,
    pub(crate) major: u32,
}

impl Installations {
    /// The folder named by `AFTERSEND_POSTGRES_BIN` and no other, or, without it, the folders in which Debian, Fedora, SUSE,
    /// Alpine, Homebrew and PostgreSQL's own build put a server, then the folder of `postgres` on the `PATH`.
    pub fn on_this_machine() -> Self {
        match std::env::var_os(BIN_VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::in_folders([PathBuf::from(folder)]),
            None => Self::in_folders(usual_folders()),
        }
    }

    /// These folders and no others, in this order.
    pub fn in_folders(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { folders: folders.into_iter().collect() }
    }

    /// The server for a data folder: of the major version that wrote it, or the highest supported one for a new folder.
    pub(crate) fn choose(&self, folder: &Path, written_by: Option<u32>) -> Result<Installation, StartError> {
        let fix = install_command(&os_release());
        let mut all: Vec<Installation> =
            self.folders.iter().filter_map(|bin| Installation::at(bin)).collect();
        if all.is_empty() {
            let searched: Vec<String> =
                self.folders.iter().map(|folder| folder.display().to_string()).collect();
            let searched =
                if searched.is_empty() { "the usual folders and PATH".into() } else { searched.join(", ") };
            return Err(StartError::NoInstallation { searched, fix });
        }
        // Stable, so that of two folders with one version the first wins.
        all.sort_by_key(|installation| std::cmp::Reverse(installation.major));
        let found = majors(&all);
        all.retain(|installation| (MAJOR_MIN..=MAJOR_MAX).contains(&installation.major));
        if all.is_empty() {
            return Err(StartError::UnsupportedMajor { found, fix });
        }
        match written_by {
            None => Ok(all.swap_remove(0)),
            Some(major) => all
                .into_iter()
                .find(|installation| installation.major == major)
                .ok_or_else(|| StartError::OtherMajor { folder: folder.to_owned(), major, installed: found }),
        }
    }
}

impl Installation {
    /// What is installed in this folder, if it is a server.
    fn at(bin: &Path) -> Option<Self> {
        let bin = bin.canonicalize().ok()?;
        if !["postgres", "initdb", "pg_ctl"].iter().all(|program| bin.join(program).is_file()) {
            return None;
        }
        let output = clean_command(bin.join("postgres")).arg("--version").output().ok()?;
        let major = major_in(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { bin, major })
    }

    /// The folder of the programs.
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Checks that the extension for substring search is there; some systems ship it in a package of its own.
    pub(crate) fn check_trigrams(&self) -> Result<(), StartError> {
        // Where no share folder can be found nothing is known, and the schema's `CREATE EXTENSION` will tell.
        let Some(share) = self.share_folder() else { return Ok(()) };
        let control = share.join("extension/pg_trgm.control");
        if control.is_file() {
            return Ok(());
        }
        Err(StartError::NoTrigrams { major: self.major, control, fix: contrib_command(&os_release()) })
    }

    fn share_folder(&self) -> Option<PathBuf> {
        let told = clean_command(self.program("pg_config")).arg("--sharedir").output().ok();
        let told = told
            .filter(|output| output.status.success())
            .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()));
        let prefix = self.bin.parent()?;
        let beside = ["share", "share/postgresql"].map(|name| prefix.join(name));
        let debian = Path::new("/usr/share/postgresql").join(self.major.to_string());
        told.into_iter().chain(beside).chain([debian]).find(|share| share.join("extension").is_dir())
    }
}

fn majors(installations: &[Installation]) -> String {
    let mut majors: Vec<String> = installations.iter().map(|one| one.major.to_string()).collect();
    majors.dedup();
    majors.join(", ")
}

/// The major version in what `postgres --version` prints: `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`, `… 18beta1`.
fn major_in(version: &str) -> Option<u32> {
    let number = version.trim().strip_prefix("postgres (PostgreSQL) ")?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

fn usual_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    folders.extend(children("/usr/lib/postgresql").map(|version| version.join("bin"))); // Debian
    for (parent, start, end) in [
        ("/usr", "pgsql-", "bin"), // PostgreSQL's own packages for Fedora and its relatives
        ("/usr/lib", "postgresql", "bin"), // SUSE
        ("/usr/libexec", "postgresql", ""), // Alpine
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ] {
        let named = children(parent)
            .filter(|child| child.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start)));
        folders.extend(named.map(|child| child.join(end)));
    }
    folders.push("/usr/local/pgsql/bin".into());
    // Resolved, since a link's neighbours need not be the server's other programs.
    let on_path = find_on_path("postgres").and_then(|postgres| postgres.canonicalize().ok());
    folders.extend(on_path.and_then(|postgres| Some(postgres.parent()?.to_owned())));
    folders.retain(|folder| folder.join("postgres").is_file());
    folders
}

fn children(parent: &str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(parent).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// A program on the `PATH`, its links not resolved: a program of many names goes by the one it is called by.
pub(crate) fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn os_release() -> String {
    // https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|file| fs::read_to_string(file).ok())
        .unwrap_or_default()
}

/// The families of systems whose package managers are told apart, by `ID` and `ID_LIKE` of os-release.
fn family(os_release: &str) -> &'static str {
    if cfg!(target_os = "macos") {
        return "macos";
    }
    let values = os_release.lines().filter_map(|line| {
        line.strip_prefix("ID=")
            .or_else(|| line.strip_prefix("ID_LIKE="))
            .map(|value| value.trim_matches(['"', '\'']))
    });
    let mut names = values.flat_map(str::split_whitespace);
    names
        .find_map(|name| match name {
            "debian" | "ubuntu" => Some("debian"),
            "fedora" | "rhel" | "centos" => Some("fedora"),
            "alpine" => Some("alpine"),
            "arch" => Some("arch"),
            "suse" | "opensuse" => Some("suse"),
            _ => None,
        })
        .unwrap_or("other")
}

fn install_command(os_release: &str) -> &'static str {
    match family(os_release) {
        "macos" => "`brew install postgresql@17`",
        "debian" => "`apt-get install postgresql` as root",
        "fedora" => "`dnf install postgresql-server postgresql-contrib` as root",
        "alpine" => "`apk add postgresql postgresql-contrib` as root",
        "arch" => "`pacman -S postgresql` as root",
        "suse" => "`zypper install postgresql-server postgresql-contrib` as root",
        _ => "the package with PostgreSQL's server and its contrib extensions, version 15 to 18",
    }
}

fn contrib_command(os_release: &str) -> &'static str {
    match family(os_release) {
        "debian" => {
            "reinstall the server's package, which holds it, with `apt-get install --reinstall` as root"
        }
        "fedora" => "`dnf install postgresql-contrib` as root",
        "alpine" => "`apk add postgresql-contrib` as root",
        "suse" => "`zypper install postgresql-contrib` as root",
        _ => "install PostgreSQL's contrib extensions of that version",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let check = |text: &str, expect| assert_eq!(major_in(text), expect, "{text}");
        check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15));
        check("postgres (PostgreSQL) 18beta1", Some(18));
        check("postgres (PostgreSQL) 9.6.24", Some(9));
        check("postgres (PostgreSQL) devel", None);
        check("", None);
    }

    #[test]
    fn the_fix_is_the_systems_own() {
        let check = |os_release: &str, expect: &str| {
            let command = install_command(os_release);
            assert!(command.contains(expect) || cfg!(target_os = "macos"), "{os_release}: {command}");
        };
        check("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n", "apt-get install postgresql");
        check("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "apt-get install postgresql");
        check("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "dnf install");
        check("ID=fedora\n", "dnf install postgresql-server postgresql-contrib");
        check("ID=alpine\n", "apk add");
        check("ID=arch\n", "pacman -S");
        check("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", "zypper");
        check("", "version 15 to 18");
    }

    #[test]
    fn nothing_installed_names_the_fix() {
        let error = Installations::in_folders([]).choose(Path::new("/data"), None).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(install_command(&os_release())), "{text}");
        assert!(text.contains("--database-url") && text.contains(BIN_VARIABLE), "{text}");

        let elsewhere = Installations::in_folders([PathBuf::from("/nowhere/bin")]);
        let text = elsewhere.choose(Path::new("/data"), None).unwrap_err().to_string();
        assert!(text.contains("/nowhere/bin"), "{text}");
    }

    /// Folders with programs that only tell their version.
    fn fakes(versions: &[&str]) -> (tempfile::TempDir, Installations) {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        for version in versions {
            let bin = root.path().join(version);
            fs::create_dir(&bin).unwrap();
            for program in ["postgres", "initdb", "pg_ctl"] {
                let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
                fs::write(bin.join(program), script).unwrap();
                fs::set_permissions(bin.join(program), fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        let installations =
            Installations::in_folders(versions.iter().map(|version| root.path().join(version)));
        (root, installations)
    }

    #[test]
    fn the_version_that_wrote_the_folder_is_taken_else_the_highest() {
        let (_root, installations) = fakes(&["14.3", "15.2", "17.4", "16.1", "19.0"]);
        let choose = |written_by| installations.choose(Path::new("/data"), written_by);
        assert_eq!(choose(None).unwrap().major, 17);
        assert_eq!(choose(Some(15)).unwrap().major, 15);
        let text = choose(Some(18)).unwrap_err().to_string();
        assert!(
            text.contains("/data was written by PostgreSQL 18, and installed is 19, 17, 16, 15, 14"),
            "{text}"
        );
        assert!(text.contains("--data-dir") && text.contains("pg_dump"), "{text}");
    }

    #[test]
    fn an_unsupported_version_is_named() {
        let (_root, installations) = fakes(&["14.3"]);
        let text = installations.choose(Path::new("/data"), None).unwrap_err().to_string();
        assert!(text.starts_with("PostgreSQL 14 is installed, but 15 to 18 is needed"), "{text}");
    }

    #[test]
    fn this_machine_has_a_server_with_trigrams() {
        let installation = Installations::on_this_machine().choose(Path::new("/data"), None).unwrap();
        installation.check_trigrams().unwrap();
    }

    #[test]
    fn missing_trigrams_name_the_package() {
        let (root, installations) = fakes(&["16.1"]);
        fs::create_dir_all(root.path().join("share/extension")).unwrap();
        let installation = installations.choose(Path::new("/data"), None).unwrap();
        let text = installation.check_trigrams().unwrap_err().to_string();
        assert!(text.contains("pg_trgm.control") && text.contains("PostgreSQL 16"), "{text}");
    }
}
