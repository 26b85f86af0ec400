//! Which database: the one given, or the embedded one.

use std::path::PathBuf;

use aftersend_embedded as embedded;
use aftersend_store::{
    DatabaseAddress, Prefix, Store, TagNames,
    schema::{Migrator, Step},
};
use anyhow::Context;

use crate::cli::{Command, Global};

/// Where the database is, and the embedded server if it is that one.
pub(crate) struct Place {
    pub(crate) address: DatabaseAddress,
    pub(crate) prefix: Prefix,
    server: Option<embedded::Server>,
    /// The folder of the embedded server.
    pub(crate) data_dir: Option<PathBuf>,
}

impl Place {
    /// Finds the database, starting or joining the embedded server if none is given. Blocks meanwhile.
    pub(crate) fn open(global: &Global, command: &Command) -> anyhow::Result<Self> {
        let prefix = global.prefix.clone();
        if let Some(url) = database_url(global, command) {
            return Ok(Self { address: url.parse()?, prefix, server: None, data_dir: None });
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
        Ok(Self { address, prefix, server: Some(server), data_dir: Some(data_dir) })
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
            Err(aftersend_store::schema::MigrateError::Behind { .. }) if self.is_embedded() => {
                Migrator::open(&self.address, self.prefix.clone()).await?.up(Step::LATEST).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(store)
    }

    /// Leaves the embedded server, which stops with its last user.
    pub(crate) fn close(self) -> anyhow::Result<()> {
        match self.server {
            Some(server) => server.stop().context("the embedded database"),
            None => Ok(()),
        }
    }
}

/// The flag or our own variable, which clap reads; else the variable that many programs share.
fn database_url(global: &Global, command: &Command) -> Option<String> {
    let given = global.database_url.clone().filter(|url| !url.is_empty());
    if matches!(command, Command::Demo(_)) {
        // Made-up mail must not land in whatever database the surroundings happen to name.
        let surroundings = std::env::var("AFTERSEND_DATABASE_URL").ok();
        return given.filter(|url| Some(url) != surroundings.as_ref());
    }
    if given.is_some() {
        return given;
    }
    let url = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())?;
    eprintln!(
        "note: using the database in DATABASE_URL; --database-url or AFTERSEND_DATABASE_URL name another"
    );
    Some(url)
}
