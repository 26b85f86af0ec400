//! Plans, and whether runs keep to them.

mod agreement;
mod outlook;
mod wire;

use aftersend_testkit::{
    Database,
    database::{Client, TestDatabase},
};

use super::Plan;
use crate::{
    DatabaseAddress, Prefix,
    schema::{Migrator, UpOptions},
    sql::render,
};

/// A database of the test's own, so that nobody is in the way, with schemas of its own.
struct Own {
    database: TestDatabase,
    client: Client,
}

impl Own {
    async fn new() -> Self {
        let database = Database::get().await.fresh_database().await;
        let client = database.client().await;
        Self { database, client }
    }

    fn address(&self) -> DatabaseAddress {
        self.database.url().parse().unwrap()
    }

    async fn run(&self, prefix: &Prefix, template: &str) {
        let sql = render(template, prefix);
        self.client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// `PhoenixKit`'s tables at V136, with rows that V137 has to deal with.
    async fn by_hand(&self, name: &str) -> Prefix {
        let prefix: Prefix = name.parse().unwrap();
        self.run(&prefix, include_str!("../../../test_data/v136_by_hand.sql")).await;
        self.run(&prefix, include_str!("../../../test_data/v136_rows.sql")).await;
        prefix
    }

    async fn plan(&self, prefix: &Prefix, options: impl Into<UpOptions>) -> Plan {
        Migrator::plan(&self.address(), prefix, &options.into()).await.unwrap()
    }
}
