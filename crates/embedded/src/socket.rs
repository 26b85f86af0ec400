//! The folder of the server's Unix socket. Who may enter it may use the database, so it is checked before every use.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::StartError;
use crate::place::{Place, make_dirs};

/// The port, which on a Unix socket is only a part of the file's name.
pub(crate) const PORT: u16 = 5432;

/// The longest path of a socket: `sun_path` less its closing zero, where it is smallest (macOS; Linux has 4 more).
pub(crate) const SOCKET_PATH_BYTES_MAX: usize = 103;

/// The folder for the socket, made if need be, and fit to be used.
pub(crate) fn prepare(place: &Place, told: Option<&Path>) -> Result<PathBuf, StartError> {
    let folder = match told {
        Some(folder) => folder.to_owned(),
        None => usual_folder(place),
    };
    let path = socket_path(&folder, PORT);
    let bytes = path.as_os_str().len();
    if bytes > SOCKET_PATH_BYTES_MAX {
        return Err(StartError::SocketPathTooLong { path, bytes });
    }
    if place.drop_to().is_some() && told.is_none() {
        make_shared_parent(&folder)?;
    }
    match place.make_private_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(StartError::io("create the folder", &folder)(error));
        }
        _ => {}
    }
    if let (Some(account), None) = (place.drop_to(), told) {
        // Left by a server that ran as another account. Only root could make it here, so root may give it away.
        std::os::unix::fs::lchown(&folder, Some(account.uid), Some(account.gid))
            .map_err(StartError::io("give away the folder", &folder))?;
    }
    check(place, &folder)?;
    Ok(folder)
}

/// Removes the usual folder when its server has stopped, so that short-lived databases leave nothing behind.
pub(crate) fn tidy(place: &Place, folder: &Path) {
    if folder != usual_folder(place) {
        return;
    }
    if let Err(error) = fs::remove_dir(folder) {
        tracing::debug!(%error, folder = %folder.display(), "the socket's folder stays");
    }
}

/// The socket's file in its folder.
/// <https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-UNIX-SOCKET-DIRECTORIES>
pub(crate) fn socket_path(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

/// The file beside the socket in which its server has left its process number.
pub(crate) fn lock_path(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}.lock"))
}

/// Checks that a folder is the server's alone. In `/tmp` anybody can make a folder first, under the name that we would use,
/// and whoever owns it could put a server of their own behind our back, or read along.
pub(crate) fn check(place: &Place, folder: &Path) -> Result<(), StartError> {
    let metadata = fs::symlink_metadata(folder).map_err(StartError::io("look at", folder))?;
    let reason = match () {
        () if metadata.is_symlink() => "is a link",
        () if !metadata.is_dir() => "is no folder",
        () if metadata.uid() != place.server_uid() => "belongs to another user than the server's",
        () if metadata.mode() & 0o077 != 0 => "is open to other users",
        () => return Ok(()),
    };
    let advice = "find out who made it and remove it, or set XDG_RUNTIME_DIR to a private folder";
    Err(StartError::SocketFolder { folder: folder.to_owned(), reason, advice })
}

fn usual_folder(place: &Place) -> PathBuf {
    let hash = hash_hex(place.data_dir());
    if place.drop_to().is_some() {
        return Path::new("/run/aftersend").join(hash);
    }
    let uid = rustix::process::geteuid().as_raw();
    let usable = |folder: &PathBuf| {
        // Left over from `su` or `sudo` it names another user's folder, and libpq takes a comma for the end of a host.
        let ours = fs::metadata(folder).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == uid);
        ours && folder.is_absolute() && !folder.as_os_str().as_bytes().contains(&b',')
    };
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(usable);
    match runtime_dir {
        Some(folder) => folder.join(format!("aftersend-{hash}")),
        None => PathBuf::from(format!("/tmp/aftersend-{uid}-{hash}")),
    }
}

/// `/run/aftersend`, root's own, which holds a folder for each database of this machine.
fn make_shared_parent(folder: &Path) -> Result<(), StartError> {
    let Some(parent) = folder.parent() else { return Ok(()) };
    make_dirs(parent, 0o755).map_err(StartError::io("create the folder", parent))?;
    let metadata = fs::symlink_metadata(parent).map_err(StartError::io("look at", parent))?;
    if metadata.is_dir() && metadata.uid() == 0 && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    let reason = "is not a folder that only root may write to";
    Err(StartError::SocketFolder { folder: parent.to_owned(), reason, advice: "remove it" })
}

/// Eight hex digits that stand for a path (FNV-1a), so that each data folder has a socket folder of its own with a short name.
fn hash_hex(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let root = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let place = Place::prepare(&root.path().join("data")).unwrap();
        (root, place)
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash_hex(Path::new("")), "811c9dc5");
        assert_eq!(hash_hex(Path::new("foobar")), "bf9cf968");
    }

    #[test]
    fn a_new_folder_is_private_and_is_used_again() {
        let (root, place) = place();
        let folder = root.path().join("socket");
        assert_eq!(prepare(&place, Some(&folder)).unwrap(), folder);
        let metadata = fs::metadata(&folder).unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o700, place.server_uid()));
        assert_eq!(prepare(&place, Some(&folder)).unwrap(), folder);
    }

    #[test]
    fn a_folder_that_others_may_enter_or_made_is_refused() {
        let (root, place) = place();
        let check = |name: &str, make: &dyn Fn(&Path), reason: &str| {
            let folder = root.path().join(name);
            make(&folder);
            let text = prepare(&place, Some(&folder)).unwrap_err().to_string();
            assert!(text.contains(reason) && text.contains(name), "{text}");
        };
        let private = |folder: &Path| place.make_private_dir(folder).unwrap();
        check(
            "link",
            &|folder| {
                private(&root.path().join("target"));
                symlink(root.path().join("target"), folder).unwrap();
            },
            "is a link",
        );
        check("file", &|folder| fs::write(folder, "").unwrap(), "is no folder");
        check(
            "open",
            &|folder| {
                private(folder);
                fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
            },
            "is open to other users",
        );
        if place.drop_to().is_some() {
            let strange = |folder: &Path| {
                private(folder);
                std::os::unix::fs::chown(folder, Some(4_000_000), None).unwrap();
            };
            check("squatted", &strange, "belongs to another user");
        }
    }

    #[test]
    fn a_path_that_is_too_long_is_refused() {
        let (root, place) = place();
        let folder = root.path().join("x".repeat(SOCKET_PATH_BYTES_MAX));
        let text = prepare(&place, Some(&folder)).unwrap_err().to_string();
        assert!(text.contains("the system allows 103") && text.contains("XDG_RUNTIME_DIR"), "{text}");
        assert!(!folder.exists());
    }
}
