//! The server behind the tests' database.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::sync::OnceLock;

use aftersend_embedded::{Options, Server};

/// The environment variable that names a database to test against, in place of a server of the tests' own. Its
/// user must be allowed to create schemas, databases and extensions. Nothing in it but names that begin with
/// `test_` is touched, save that it gets the extension `pg_trgm`.
pub const URL_VARIABLE: &str = "AFTERSEND_TEST_DATABASE_URL";

/// Starts or joins the server that this user's tests share; `None` where the environment names another.
///
/// For a program that holds the server for a whole run of tests. Its data is kept in the system's folder for
/// temporary files, where the account that the server runs as under root can get at it.
///
/// # Errors
/// If there is no PostgreSQL or it doesn't start; the message says what to do.
pub fn start_server() -> io::Result<Option<Server>> {
    if std::env::var_os(URL_VARIABLE).is_some() {
        return Ok(None);
    }
    let folder = data_dir()?;
    let server = Server::start(&Options::new(&folder)).map_err(|error| {
        let place = folder.display();
        io::Error::other(format!("{error}\n({place} holds nothing but tests' data and may be removed.)"))
    })?;
    Ok(Some(server))
}

/// The URL of the shared database. A server of our own is used until this process ends, which the kernel tells
/// to those who remain, whatever way it ends.
pub(super) fn shared_url() -> String {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let started = || start_server().unwrap_or_else(|error| panic!("no database to test on: {error}"));
    match SERVER.get_or_init(started) {
        Some(server) => server.connection().url(),
        None => std::env::var(URL_VARIABLE).expect("the database's URL is UTF-8"),
    }
}

fn data_dir() -> io::Result<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("aftersend-test-{user}"));
    match DirBuilder::new().mode(0o755).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Everybody may make folders there: one that somebody else made under our name is theirs to fill.
    let metadata = fs::symlink_metadata(&folder)?;
    if metadata.is_dir() && metadata.uid() == user {
        return Ok(folder);
    }
    Err(io::Error::other(format!("{} is not a folder of user {user}", folder.display())))
}
