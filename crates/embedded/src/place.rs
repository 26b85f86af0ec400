//! Folders and who owns them: where the data lies and which account the server runs as.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::StartError;
use crate::tool::clean_command;

/// The name of the server's own folder in the data folder.
pub(crate) const POSTGRES_DIR: &str = "postgres";
/// The name of the server's log in the data folder.
pub(crate) const LOG: &str = "postgres.log";

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The folders of one embedded database and the account its server runs as.
#[derive(Debug)]
pub(crate) struct Place {
    data_dir: PathBuf,
    /// Who the server runs as, where that is another than this program: when this program is root.
    drop_to: Option<Account>,
}

impl Place {
    /// Makes the data folder if need be, and checks that the server will be able to live in it.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self, StartError> {
        let root = rustix::process::geteuid().is_root();
        let absolute = std::path::absolute(data_dir).map_err(StartError::io("find", data_dir))?;
        // Before the accounts: a file, too, is something that the server's account may not enter.
        refuse_files(&absolute)?;
        let mut place = Self { data_dir: absolute, drop_to: None };
        let advice = "use --data-dir /var/lib/aftersend, or open it with `chmod o+x`";
        if root {
            let account = place.account_to_drop_to()?;
            // Before anything is made in a place that will not do.
            account.check_way_to(&place.data_dir, advice)?;
            place.drop_to = Some(account);
        }
        // Root's folder must let the server's account through; what is private lies one level deeper, in a 0700 folder.
        let mode = if root { 0o755 } else { 0o700 };
        make_dirs(&place.data_dir, mode).map_err(StartError::io("create the folder", data_dir))?;
        place.data_dir = place.data_dir.canonicalize().map_err(StartError::io("find", data_dir))?;
        if let Some(account) = &place.drop_to {
            account.check_way_to(&place.data_dir, advice)?;
        }
        place.check_owner()?;
        Ok(place)
    }

    /// The owner of data that is already there, else `postgres`, else `nobody`.
    fn account_to_drop_to(&self) -> Result<Account, StartError> {
        let passwd = Path::new("/etc/passwd");
        let text = fs::read_to_string(passwd).map_err(StartError::io("read", passwd))?;
        let owner = match fs::symlink_metadata(self.postgres_dir()) {
            Ok(metadata) if metadata.uid() != 0 => {
                let named = accounts(&text).find(|account| account.uid == metadata.uid());
                Some(named.unwrap_or_else(|| Account {
                    name: metadata.uid().to_string(),
                    uid: metadata.uid(),
                    gid: metadata.gid(),
                }))
            }
            _ => None,
        };
        let by_name = |name| accounts(&text).find(|account| account.name == name && account.uid != 0);
        owner.or_else(|| by_name("postgres")).or_else(|| by_name("nobody")).ok_or(StartError::NoAccount)
    }

    fn check_owner(&self) -> Result<(), StartError> {
        let folder = self.postgres_dir();
        match fs::symlink_metadata(&folder) {
            Ok(metadata) if metadata.uid() == self.server_uid() => Ok(()),
            Ok(metadata) => {
                Err(StartError::FolderOwner { folder, owner: metadata.uid(), user: self.server_uid() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StartError::io("look at", &folder)(error)),
        }
    }

    /// The folder of everything, links resolved.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The server's own data folder, which only its account may enter.
    pub(crate) fn postgres_dir(&self) -> PathBuf {
        self.data_dir.join(POSTGRES_DIR)
    }

    /// The server's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.data_dir.join(LOG)
    }

    /// The account that the server runs as, where it is not this program's own.
    pub(crate) fn drop_to(&self) -> Option<&Account> {
        self.drop_to.as_ref()
    }

    /// The user number the server runs as.
    pub(crate) fn server_uid(&self) -> u32 {
        self.drop_to.as_ref().map_or_else(|| rustix::process::geteuid().as_raw(), |account| account.uid)
    }

    /// A command that runs as the server's account, in a process group of its own, so that Ctrl-C in a terminal stops this
    /// program, which then stops the server in order, and not the server under it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = clean_command(program);
        command.process_group(0);
        if let Some(account) = &self.drop_to {
            // The standard library drops the supplementary groups, too, when it changes the user.
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    /// Makes a folder that only the server's account may enter.
    pub(crate) fn make_private_dir(&self, folder: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(folder)?;
        // By its descriptor and never by its name: where the folder above belongs to somebody else, a link could lie there now,
        // and root would give away what it points to.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::DIRECTORY;
        let made = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(folder)?;
        match &self.drop_to {
            Some(account) => std::os::unix::fs::fchown(&made, Some(account.uid), Some(account.gid)),
            None => Ok(()),
        }
    }

    /// Opens a file of the data folder, made if need be, for its owner alone: `owner` is who that is to be when root makes it.
    pub(crate) fn open_file(&self, path: &Path, owner: FileOwner) -> io::Result<File> {
        // A link in a folder that belongs to somebody else must not lead root astray.
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags)
            .open(path)?;
        if let Some(account) = &self.drop_to {
            let (uid, gid) = match owner {
                FileOwner::Server => (account.uid, account.gid),
                FileOwner::Folder => {
                    let metadata = fs::metadata(&self.data_dir)?;
                    (metadata.uid(), metadata.gid())
                }
            };
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
        Ok(file)
    }
}

/// Refuses a path on which something lies that is no folder. What can't be looked at is left to those who will try to enter it.
fn refuse_files(wanted: &Path) -> Result<(), StartError> {
    let is_file = |path: &&Path| fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir());
    match wanted.ancestors().find(is_file) {
        Some(file) => Err(StartError::NoFolder { file: file.to_owned(), wanted: wanted.to_owned() }),
        None => Ok(()),
    }
}

/// Makes a folder and what is missing of the folders above, with this mode whatever the umask is: under root's umask of 077
/// the server's account could not enter the new folder.
pub(crate) fn make_dirs(folder: &Path, mode: u32) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_dirs(parent, mode)?;
    }
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(mode)),
        // Another program was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::ErrorKind::NotADirectory.into())
        }
        Err(error) => Err(error),
    }
}

/// Who a file of the data folder belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FileOwner {
    /// The account that the server runs as.
    Server,
    /// Whoever owns the data folder.
    Folder,
}

impl Account {
    /// Checks that this account may enter every folder on the way to a path, as far as it exists, by the mode bits.
    pub(crate) fn check_way_to(&self, wanted: &Path, advice: &'static str) -> Result<(), StartError> {
        let mut ancestors: Vec<&Path> = wanted.ancestors().collect();
        ancestors.reverse();
        for folder in ancestors {
            let metadata = match fs::metadata(folder) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(StartError::io("look at", folder)(error)),
            };
            let bit = match () {
                () if metadata.uid() == self.uid => 0o100,
                () if metadata.gid() == self.gid => 0o010,
                () => 0o001,
            };
            if metadata.mode() & bit == 0 {
                let (user, closed) = (self.name.clone(), folder.to_owned());
                return Err(StartError::FolderClosed { user, closed, wanted: wanted.to_owned(), advice });
            }
        }
        Ok(())
    }
}

/// The accounts in the text of `/etc/passwd`; lines that are none are left out.
fn accounts(passwd: &str) -> impl Iterator<Item = Account> + '_ {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { name, uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read() {
        let text = "root:x:0:0:root:/root:/bin/bash\n# no account\n+::::::\npostgres:x:101:104:,,,:/var/lib:/bin/bash\n";
        let found: Vec<Account> = accounts(text).collect();
        let account = |name: &str, uid, gid| Account { name: name.into(), uid, gid };
        assert_eq!(found, [account("root", 0, 0), account("postgres", 101, 104)]);
    }

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        let root = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let (closed, inner) = (root.path().join("closed"), root.path().join("closed/inner"));
        fs::create_dir_all(&inner).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { name: "stranger".into(), uid: 4_000_000, gid: 4_000_000 };
        stranger.check_way_to(root.path(), "advice").unwrap();
        stranger.check_way_to(&root.path().join("not/there"), "advice").unwrap();
        let text = stranger.check_way_to(&inner, "use --data-dir").unwrap_err().to_string();
        assert!(text.contains(&format!("`stranger`, who may not enter {},", closed.display())), "{text}");
        assert!(text.ends_with("use --data-dir"), "{text}");
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for wanted in [file.path(), &file.path().join("data"), Path::new("/dev/null")] {
            let error = Place::prepare(wanted).unwrap_err();
            let expect = if wanted == Path::new("/dev/null") { wanted } else { file.path() };
            assert!(matches!(&error, StartError::NoFolder { file, .. } if file == expect), "{error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("{} is a file, not a folder", expect.display())), "{text}");
            assert!(text.contains("--data-dir") && !text.contains("chmod"), "{text}");
        }
    }
}
