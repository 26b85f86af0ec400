//! Indexes that are missing, wrong, under another name, or left over.

use tokio_postgres::Error;

use super::{
    Act, Lock, Phase,
    judge::{Cure, Judge, are, named},
    rows::normalised_uuid,
    up_command,
};
use crate::schema::{
    Step,
    contract::{Index, Table, quoted},
};

impl Judge<'_> {
    pub(super) async fn no_index(
        &mut self,
        table: &'static Table,
        index: &'static Index,
    ) -> Result<(), Error> {
        let what = format!("the index {} is missing", index.name);
        if index.step > Step::V136 {
            self.say(table, what, Cure::Leave(up_command(self.prefix)));
            return Ok(());
        }
        if index.unique && !self.unique_rows(table, index, &what).await? {
            return Ok(());
        }
        let act = if self.rows.any(table.name).await? {
            Act::concurrently(index.create_sql(self.prefix, "", true))
        } else {
            Act::guarded(index.create_sql(self.prefix, "", false), Lock::ShareRowExclusive)
        };
        self.repair(Phase::Indexes, table, what, format!("the index {} built", index.name), vec![act]);
        Ok(())
    }

    /// Whether rows keep what a unique index asks of them. Says which do not.
    pub(super) async fn unique_rows(
        &mut self,
        table: &'static Table,
        index: &'static Index,
        what: &str,
    ) -> Result<bool, Error> {
        let keys: Vec<String> = index
            .columns
            .iter()
            .filter_map(|column| self.catalog.column(table.name, column))
            .map(|column| {
                if column.name == "uuid" && column.kind != "uuid" {
                    normalised_uuid("uuid")
                } else {
                    quoted(&column.name)
                }
            })
            .collect();
        if keys.is_empty() || self.catalog.column(table.name, "uuid").is_none() {
            // What is added for this index is NULL in every row; without a key there is an obstacle already.
            return Ok(true);
        }
        let (doubled, examples) = self.rows.doubled(table.name, &keys, "true").await?;
        if doubled == 0 {
            return Ok(true);
        }
        let what = format!(
            "{what}, and {} there several times by ({}){}",
            are(doubled, "value"),
            index.columns.join(", "),
            named(&examples)
        );
        let remedy = format!(
            "Keep one row of each: {};",
            self.rows.doubled_sql(table.name, &keys, "true", "array_agg(uuid ORDER BY uuid)")
        );
        self.obstacle(table, what, remedy);
        Ok(false)
    }

    pub(super) fn index_named(&mut self, table: &'static Table, index: &'static Index, found: &str) {
        let what = format!("the index {} goes by the name {found}", index.name);
        if index.step > Step::V136 {
            self.say(table, what, Cure::Leave(up_command(self.prefix)));
            return;
        }
        let rename =
            format!("ALTER INDEX {}.{} RENAME TO {}", self.prefix.quoted(), quoted(found), index.name);
        let acts = vec![Act::guarded(rename, Lock::ShareUpdateExclusive)];
        let sentence = format!("the index {found} renamed to {}", index.name);
        self.repair(Phase::Indexes, table, what, sentence, acts);
    }

    pub(super) fn wrong_index(
        &mut self,
        table: &'static Table,
        index: &'static Index,
        wrong: &str,
        constraint: Option<&str>,
    ) {
        let schema = self.prefix.quoted();
        let what = format!("the index {}.{} is there but of no use: it is {wrong}", self.prefix, index.name);
        let drop = match constraint {
            Some(constraint) => {
                format!("{} DROP CONSTRAINT {};", self.alter(table), quoted(constraint))
            }
            None if wrong == "no index" => {
                format!("ALTER TABLE {schema}.{} RENAME TO …;", index.name)
            }
            None => format!("DROP INDEX {schema}.{};", index.name),
        };
        self.obstacle(table, what, format!("{drop} and then {}", up_command(self.prefix)));
    }

    pub(super) fn leftover(
        &mut self,
        table: &'static Table,
        index: &'static Index,
        found: &str,
        ready: bool,
        builder: Option<i32>,
    ) {
        if let Some(builder) = builder {
            let what = format!("the index {found} is being built by process {builder} of the server");
            if index.step > Step::V136 {
                self.say(table, what, Cure::Leave("wait for it".to_owned()));
            } else {
                self.obstacle(table, what, format!("Wait for it, and then: {}", up_command(self.prefix)));
            }
            return;
        }
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {}.{}", self.prefix.quoted(), quoted(found));
        let pays = if ready { ", and every write pays for it" } else { "" };
        let what =
            format!("the index {found} was left invalid by a build of {} that failed{pays}", index.name);
        if index.step > Step::V136 {
            self.say(table, what, Cure::Leave(format!("{drop}; or {}", up_command(self.prefix))));
            return;
        }
        let sentence = format!("{found}, left by a build that failed, dropped");
        self.repair(Phase::Leftovers, table, what, sentence, vec![Act::concurrently(drop)]);
    }

    pub(super) fn refusing(&mut self, table: &'static Table, index: &str, columns: &[String]) {
        let what = format!(
            "the unique index {index} on {} ({}) refuses rows that PhoenixKit's tables take",
            table.name,
            columns.join(", ")
        );
        let fix = format!(
            "if that is not meant: DROP INDEX CONCURRENTLY {}.{};",
            self.prefix.quoted(),
            quoted(index)
        );
        self.say(table, what, Cure::Leave(fix));
    }
}
