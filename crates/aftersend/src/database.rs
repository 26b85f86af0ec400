//! Which database: the one given, or the embedded one.

use std::path::PathBuf;

use aftersend_embedded as embedded;
use aftersend_store::{
    DatabaseAddress, Prefix, Store, TagNames, UnknownMails,
    schema::{MigrateError, Migrator, Step},
};
use anyhow::{Context, bail};

use crate::config::{Database, Settings};

/// Where the database is, and the embedded server if it is that one.
pub(crate) struct Place {
    pub(crate) address: DatabaseAddress,
    pub(crate) prefix: Prefix,
    tag_names: TagNames,
    unknown_mails: UnknownMails,
    server: Option<embedded::Server>,
    /// The folder of the embedded server.
    pub(crate) data_dir: Option<PathBuf>,
    /// The flag that named the database: a command without it would go to another one.
    flag: Option<&'static str>,
}

impl Place {
    /// Reaches for the database, starting or joining the embedded server if none is given. Blocks meanwhile.
    pub(crate) fn open(settings: &Settings, is_demo: bool) -> anyhow::Result<Self> {
        let prefix = settings.prefix.clone();
        // A demo's mail names its template and its campaign in its own way.
        let tag_names = if is_demo { TagNames::default() } else { settings.tag_names.clone() };
        let unknown_mails = if is_demo { UnknownMails::default() } else { settings.unknown_mails };
        let flag = settings.database_flag;
        let folder = match &settings.database {
            Database::Given(address) => {
                let address = (**address).clone();
                return Ok(Self {
                    address,
                    prefix,
                    tag_names,
                    unknown_mails,
                    server: None,
                    data_dir: None,
                    flag,
                });
            }
            Database::Embedded(folder) => folder,
        };
        let mut data_dir = match folder {
            Some(folder) => std::path::absolute(folder)?,
            None => embedded::Options::default_data_dir()?,
        };
        // Made-up mail must never stand among real mail.
        if is_demo {
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
        Ok(Self {
            address,
            prefix,
            tag_names,
            unknown_mails,
            server: Some(server),
            data_dir: Some(data_dir),
            flag,
        })
    }

    /// The folder of the embedded database, if that is the one and it was never made. To open it would make it.
    pub(crate) fn unmade(settings: &Settings) -> anyhow::Result<Option<PathBuf>> {
        let Database::Embedded(folder) = &settings.database else { return Ok(None) };
        let data_dir = match folder {
            Some(folder) => std::path::absolute(folder)?,
            None => embedded::Options::default_data_dir()?,
        };
        Ok(Some(data_dir).filter(|data_dir| !embedded::Options::new(data_dir).has_data()))
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
        let store = Store::open(&self.address, self.prefix.clone(), self.tag_names.clone()).await?;
        let store = store.with_unknown_mails(self.unknown_mails);
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
