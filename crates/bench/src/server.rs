//! The private server that everything is measured on.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use aftersend_embedded::{Options, Server};
use anyhow::Context as _;
use tempfile::TempDir;

use crate::{processor, progress::say, search::Kept};

/// A server with its data in a folder of its own. Dropped, it stops, and a new folder goes.
pub(crate) struct PrivateServer {
    // In this order: the folder must outlive the server.
    server: Server,
    folder: Folder,
}

enum Folder {
    /// New, and gone at the end.
    Temporary(TempDir),
    /// For later benches, too.
    Kept(Kept),
}

impl PrivateServer {
    /// Makes and starts the server. Blocks for some seconds.
    pub(crate) fn start(parent: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("aftersend-bench-")
            .tempdir_in(parent)
            .with_context(|| format!("making a folder in {}", parent.display()))?;
        // Under root the server runs as another user, who must get through; its data lies in a private folder below.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        say(format!("starting a PostgreSQL of its own in {}", folder.path().display()));
        let server = Server::start(&Options::new(folder.path().join("data")))?;
        Ok(Self { server, folder: Folder::Temporary(folder) })
    }

    /// Starts the server on data that is kept, or to be kept. Blocks for some seconds.
    pub(crate) fn start_kept(kept: Kept) -> anyhow::Result<Self> {
        say(format!("starting a PostgreSQL of its own in {}, which is kept", kept.path().display()));
        let server = Server::start(&Options::new(kept.data_folder()))?;
        Ok(Self { server, folder: Folder::Kept(kept) })
    }

    /// How to connect to a database of it: a list of `key=value`, as this program's driver and the product read it.
    /// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>
    pub(crate) fn address(&self, database: &str) -> String {
        self.address_at(self.socket_folder(), database)
    }

    /// The same for something that listens in the server's stead, in another folder.
    pub(crate) fn address_at(&self, folder: &Path, database: &str) -> String {
        let host = folder.to_string_lossy().replace('\\', r"\\").replace('\'', r"\'");
        format!("host='{host}' port={} user={} dbname={database}", self.port(), self.server.connection().user)
    }

    /// Where its socket lies.
    pub(crate) fn socket_folder(&self) -> &Path {
        &self.server.connection().socket_dir
    }

    /// The number in its socket's name.
    pub(crate) fn port(&self) -> u16 {
        self.server.connection().port
    }

    /// The processor time that it has taken, with all that it runs, as far as this system tells.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        // The first line is the process that all others of the server were started by.
        // https://www.postgresql.org/docs/current/storage-file-layout.html
        let lines = fs::read_to_string(self.folder().join("data/postgres/postmaster.pid")).ok()?;
        processor::of_family(lines.lines().next()?.trim().parse().ok()?)
    }

    /// The server's folder, for other files that go when it goes.
    pub(crate) fn folder(&self) -> &Path {
        match &self.folder {
            Folder::Temporary(folder) => folder.path(),
            Folder::Kept(kept) => kept.path(),
        }
    }

    /// Where databases are made and dropped from.
    pub(crate) fn maintenance_address(&self) -> String {
        self.address("postgres")
    }

    /// Stops the server and removes its data, unless that is to be kept and whole. Blocks.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let stopped = self.server.stop();
        let folder = match self.folder {
            Folder::Temporary(folder) => folder,
            Folder::Kept(kept) => {
                stopped?;
                return kept.remove_unfinished();
            }
        };
        let path = folder.path().display().to_string();
        let removed = match folder.close() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        stopped?;
        removed.with_context(|| format!("removing {path}"))
    }
}
