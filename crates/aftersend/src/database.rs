//! Which database: the one given, or the embedded one.

use std::path::PathBuf;

use aftersend_embedded as embedded;
use aftersend_store::{
    DatabaseAddress, Prefix, Store, TagNames,
    schema::{MigrateError, Migrator, Step},
};
use anyhow::{Context, bail};

use crate::cli::{Command, Global};

/// Where the database is, and the embedded server if it is that one.
pub(crate) struct Place {
    pub(crate) address: DatabaseAddress,
    pub(crate) prefix: Prefix,
    server: Option<embedded::Server>,
    /// The folder of the embedded server.
    pub(crate) data_dir: Option<PathBuf>,
    /// The flag that named the database: a command without it would go to another one.
    flag: Option<&'static str>,
}

/// Flags that name no database, or two.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseFlags {
    #[error("--database-url and --data-dir name two databases; give one of them")]
    Two,
    /// As a shell makes it of a variable that is not set.
    #[error("--database-url is empty; give the URL, or leave the flag out for the embedded database")]
    Empty,
}

impl Place {
    /// Finds the database, starting or joining the embedded server if none is given. Blocks meanwhile.
    pub(crate) fn open(global: &Global, command: &Command) -> anyhow::Result<Self> {
        let prefix = global.prefix.clone();
        let (url, flag) = database_url(global, command)?;
        if let Some(url) = url {
            return Ok(Self { address: url.parse()?, prefix, server: None, data_dir: None, flag });
        }
        let mut data_dir = match &global.data_dir {
            Some(folder) => std::path::absolute(folder)?,
            None => embedded::Options::default_data_dir()?,
        };
        // Made-up mail must never stand among real mail.
        if matches!(command, Command::Demo(_)) {
            data_dir.push("demo");
        }
        let server =
            embedded::Server::start(&embedded::Options::new(&data_dir)).context("the embedded database")?;
        let connection = server.connection();
        let address = DatabaseAddress::socket(
            &connection.socket_dir,
            connection.port,
            connection.user,
            connection.database,
        );
        Ok(Self { address, prefix, server: Some(server), data_dir: Some(data_dir), flag })
    }

    /// Whether the database is the embedded one, whose schema is ours to change.
    pub(crate) fn is_embedded(&self) -> bool {
        self.server.is_some()
    }

    /// A way in for people.
    pub(crate) fn psql(&self) -> Option<String> {
        self.server.as_ref().map(|server| server.connection().psql())
    }

    /// Opens the store. The embedded database is brought up to date; one given by URL must be.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        let store = Store::open(&self.address, self.prefix.clone(), TagNames::default()).await?;
        match store.require_schema().await {
            Ok(()) => {}
            Err(MigrateError::Behind { .. }) if self.is_embedded() => {
                Migrator::open(&self.address, self.prefix.clone()).await?.up(Step::LATEST).await?;
            }
            Err(error @ MigrateError::Behind { .. }) => bail!("{error}{}", self.same_flag()),
            Err(error) => return Err(error.into()),
        }
        Ok(store)
    }

    /// The command that brings the schema of this place up to date, as far as it may be printed: a URL may hold a
    /// password.
    pub(crate) fn migrate_command(&self) -> String {
        let prefix = if self.prefix == Prefix::default() {
            String::new()
        } else {
            format!(" --prefix {}", self.prefix)
        };
        format!("aftersend migrate up{prefix}{}", self.same_flag())
    }

    /// What a command to copy needs beside what is printed.
    fn same_flag(&self) -> String {
        self.flag.map_or(String::new(), |flag| format!(" (with the same {flag})"))
    }

    /// Leaves the embedded server, which stops with its last user.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        match self.server {
            Some(server) => server.stop().context("the embedded database"),
            None => Ok(()),
        }
    }
}

/// The database's URL, if it is not the embedded one, and the flag that named either. Flags come before variables of
/// our own, and those before the one that many programs share.
fn database_url(
    global: &Global,
    command: &Command,
) -> Result<(Option<String>, Option<&'static str>), DatabaseFlags> {
    let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    if global.database_url.as_deref() == Some("") && std::env::var_os("AFTERSEND_DATABASE_URL").is_none() {
        return Err(DatabaseFlags::Empty);
    }
    let url = global.database_url.clone().filter(|url| !url.is_empty());
    // The parser has filled in the variables; what differs from them was a flag.
    let url_by_flag = url.is_some() && url != variable("AFTERSEND_DATABASE_URL");
    let folder = global.data_dir.as_ref().map(|folder| folder.display().to_string());
    let folder_by_flag = folder.is_some() && folder != variable("AFTERSEND_DATA_DIR");
    if url_by_flag && folder_by_flag {
        return Err(DatabaseFlags::Two);
    }
    if url_by_flag {
        return Ok((url, Some("--database-url")));
    }
    // Made-up mail must not land in whatever database the surroundings happen to name.
    if folder_by_flag || matches!(command, Command::Demo(_)) {
        return Ok((None, folder_by_flag.then_some("--data-dir")));
    }
    if url.is_some() || folder.is_some() {
        return Ok((url, None));
    }
    let shared = variable("DATABASE_URL");
    if shared.is_some() {
        eprintln!(
            "note: using the database in DATABASE_URL; --database-url or AFTERSEND_DATABASE_URL name another"
        );
    }
    Ok((shared, None))
}
