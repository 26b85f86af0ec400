//! Primary keys, and the foreign key from events to mails.

use tokio_postgres::Error;

use super::{
    Act, Lock, Phase, Way,
    judge::{Judge, are, counted, named},
    rows::normalised_uuid,
    up_command,
};
use crate::{
    schema::{
        catalog::{Catalog, ConstraintSort},
        compare::{Drift, What},
        contract::{EVENTS, FOREIGN_KEY, INDEXES, Table, primary_key_name, quoted, table},
    },
    sql::render,
};

/// Judges the differences of keys.
pub(super) async fn judge(judge: &mut Judge<'_>, drifts: &[Drift]) -> Result<(), Error> {
    let mut foreign = Vec::new();
    for drift in drifts {
        match &drift.what {
            What::NoPrimaryKey => no_primary_key(judge, drift.table).await?,
            What::OtherPrimaryKey { columns } => {
                let what = format!(
                    "the primary key of {} is ({}) instead of (uuid)",
                    drift.table.name,
                    columns.join(", ")
                );
                let remedy = "Older tables of PhoenixKit's have such a key, and its own migrations change it with all that \
                              leads to it: run them up to 136";
                judge.obstacle(drift.table, what, remedy);
            }
            What::OtherForeignKey { name, to } => {
                let what = format!(
                    "the foreign key {name} of {} leads from {} to {to} instead of {} (uuid)",
                    drift.table.name, FOREIGN_KEY.column, FOREIGN_KEY.to
                );
                let remedy = format!(
                    "{} DROP CONSTRAINT {}; and then {}",
                    alter(judge),
                    quoted(name),
                    up_command(judge.prefix)
                );
                judge.obstacle(drift.table, what, remedy);
            }
            what @ (What::NoForeignKey | What::ForeignKey { .. }) => foreign.push(what),
            _ => {}
        }
    }
    foreign_key(judge, &foreign).await
}

/// The names of the foreign keys that lead from an event's mail to the mail.
pub(super) fn between(catalog: &Catalog) -> impl Iterator<Item = &str> {
    let constraints = catalog.table(EVENTS).into_iter().flat_map(|found| &found.constraints);
    constraints.filter_map(|constraint| match &constraint.sort {
        ConstraintSort::ForeignKey { to_table, to_columns, .. }
            if constraint.columns == [FOREIGN_KEY.column]
                && to_table == FOREIGN_KEY.to
                && to_columns == &["uuid"] =>
        {
            Some(&*constraint.name)
        }
        _ => None,
    })
}

/// The statements that take the foreign keys away whose columns are about to become UUIDs.
pub(super) fn drop_before_rewrites(judge: &Judge<'_>) -> Vec<String> {
    if !rewrites_key(judge) {
        return Vec::new();
    }
    between(judge.catalog).map(|name| format!("{} DROP CONSTRAINT {}", alter(judge), quoted(name))).collect()
}

/// Whether a column at either end of the foreign key becomes a UUID.
fn rewrites_key(judge: &Judge<'_>) -> bool {
    judge.rewrites.iter().any(|rewrite| {
        let ends = [(FOREIGN_KEY.table, FOREIGN_KEY.column), (FOREIGN_KEY.to, "uuid")];
        ends.contains(&(rewrite.table.name, rewrite.column.name))
    })
}

fn alter(judge: &Judge<'_>) -> String {
    format!("ALTER TABLE {}", judge.rows.table(FOREIGN_KEY.table))
}

async fn no_primary_key(judge: &mut Judge<'_>, table: &'static Table) -> Result<(), Error> {
    let what = format!("{} has no primary key", table.name);
    let name = primary_key_name(table);
    let (alter, sentence) = (
        format!("ALTER TABLE {}", judge.rows.table(table.name)),
        format!("{} given its primary key", table.name),
    );
    let there = judge.catalog.indexes.iter().find(|found| found.name == name);
    if there.is_none() && !judge.rows.any(table.name).await? {
        let add = format!("{alter} ADD CONSTRAINT {name} PRIMARY KEY (uuid)");
        let acts = vec![Act::guarded(add, Lock::AccessExclusive)];
        judge.repair(Phase::PrimaryKeys, table, what, sentence, acts);
        return Ok(());
    }
    let Some(column) = judge.catalog.column(table.name, "uuid") else { return Ok(()) };
    let keys = [if column.kind == "uuid" { "uuid".to_owned() } else { normalised_uuid("uuid") }];
    let (doubled, examples) = judge.rows.doubled(table.name, &keys, "true").await?;
    if doubled > 0 {
        let what = format!("{what}, and {} there several times{}", are(doubled, "uuid"), named(&examples));
        let remedy = format!(
            "Keep one row of each: {};",
            judge.rows.doubled_sql(table.name, &keys, "true", "min(uuid::text), count(*)")
        );
        judge.obstacle(table, what, remedy);
        return Ok(());
    }
    let mut acts = Vec::new();
    let twin = INDEXES.iter().find(|index| index.table == table.name && index.columns == ["uuid"]);
    match there {
        // What a run has left that was ended between the build and the constraint.
        Some(found)
            if found.valid && found.unique && found.columns == ["uuid"] && found.predicate.is_none() => {}
        Some(found) if found.valid || twin.is_none_or(|twin| twin.matches(found).is_err()) => {
            let remedy = format!(
                "ALTER INDEX {}.{} RENAME TO …; and then {}",
                judge.prefix.quoted(),
                quoted(&name),
                up_command(judge.prefix)
            );
            judge.obstacle(table, format!("{what}, and the name {name} is taken"), remedy);
            return Ok(());
        }
        // One that is invalid is dropped before.
        Some(_) | None => acts.push(Act::concurrently(format!(
            "CREATE UNIQUE INDEX CONCURRENTLY {name} ON {} (uuid)",
            judge.rows.table(table.name)
        ))),
    }
    acts.push(Act::guarded(
        format!("{alter} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {name}"),
        Lock::AccessExclusive,
    ));
    judge.repair(Phase::PrimaryKeys, table, what, sentence, acts);
    Ok(())
}

/// Events that lead to no mail are moved aside: had the foreign key been there, they would have gone with their mail.
/// Nothing is lost, since they can be put back once the mail is.
async fn foreign_key(judge: &mut Judge<'_>, whats: &[&What]) -> Result<(), Error> {
    let Some(events) = table(EVENTS) else { return Ok(()) };
    let anew = rewrites_key(judge);
    if whats.is_empty() && !anew {
        return Ok(());
    }
    let ends = [(FOREIGN_KEY.table, FOREIGN_KEY.column), (FOREIGN_KEY.to, "uuid")];
    let columns: Vec<_> =
        ends.iter().filter_map(|(table, column)| judge.catalog.column(table, column)).collect();
    if columns.len() < ends.len() || judge.catalog.table(FOREIGN_KEY.to).is_none() {
        // A column or a table is made, on empty tables, or there is an obstacle already.
        let added = vec![add(judge), validate(judge)];
        let sentence = format!("the foreign key {} made", FOREIGN_KEY.name);
        judge.repair(Phase::ForeignKey, events, "the foreign key to the mails is missing", sentence, added);
        return Ok(());
    }
    let as_text = columns.iter().any(|column| column.kind != "uuid");
    if anew {
        return lead_to_mails(
            judge,
            events,
            "the foreign key of events goes and comes back with the change of its columns' types",
            vec![add(judge)],
            as_text,
        )
        .await;
    }
    let best_cascades = whats.iter().all(|what| !matches!(what, What::ForeignKey { cascades: false, .. }))
        || cascading(judge.catalog);
    for what in whats {
        match what {
            What::NoForeignKey => {
                let what = format!("{EVENTS} lacks the foreign key {}", FOREIGN_KEY.name);
                lead_to_mails(judge, events, &what, vec![add(judge)], as_text).await?;
            }
            What::ForeignKey { name, cascades: true, validated } => {
                let mut first = Vec::new();
                let mut what = format!("the foreign key {name} of {EVENTS}");
                if name != FOREIGN_KEY.name {
                    what = format!("{what} is to have the name {}", FOREIGN_KEY.name);
                    let rename = format!(
                        "{} RENAME CONSTRAINT {} TO {}",
                        alter(judge),
                        quoted(name),
                        FOREIGN_KEY.name
                    );
                    first.push(Act::guarded(rename, Lock::AccessExclusive));
                }
                if *validated {
                    let sentence = format!("the foreign key {name} renamed to {}", FOREIGN_KEY.name);
                    judge.repair(Phase::ForeignKey, events, what, sentence, first);
                } else {
                    what.push_str(" was never checked against the rows that are there");
                    lead_to_mails(judge, events, &what, first, as_text).await?;
                }
            }
            What::ForeignKey { name, cascades: false, .. } => {
                let what =
                    format!("the foreign key {name} of {EVENTS} keeps a mail with events from being deleted");
                let drop = format!("{} DROP CONSTRAINT {}", alter(judge), quoted(name));
                if best_cascades {
                    let acts = vec![Act::guarded(drop, Lock::AccessExclusive)];
                    judge.repair(
                        Phase::ForeignKey,
                        events,
                        what,
                        format!("the foreign key {name} dropped"),
                        acts,
                    );
                } else {
                    let both = Act::guarded(format!("{drop}; {}", add_sql(judge)), Lock::AccessExclusive);
                    lead_to_mails(judge, events, &what, vec![both], as_text).await?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether some foreign key to the mails lets events go with their mail.
fn cascading(catalog: &Catalog) -> bool {
    let names: Vec<&str> = between(catalog).collect();
    catalog.table(EVENTS).into_iter().flat_map(|found| &found.constraints).any(|constraint| {
        names.contains(&&*constraint.name)
            && matches!(constraint.sort, ConstraintSort::ForeignKey { cascades: true, .. })
    })
}

fn add_sql(judge: &Judge<'_>) -> String {
    format!(
        "{} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} (uuid) ON DELETE CASCADE NOT VALID",
        alter(judge),
        FOREIGN_KEY.name,
        FOREIGN_KEY.column,
        judge.rows.table(FOREIGN_KEY.to)
    )
}

fn add(judge: &Judge<'_>) -> Act {
    Act::guarded(add_sql(judge), Lock::ShareRowExclusive)
}

fn validate(judge: &Judge<'_>) -> Act {
    let sql = format!("{} VALIDATE CONSTRAINT {}", alter(judge), FOREIGN_KEY.name);
    Act::guarded(sql, Lock::ShareUpdateExclusive)
}

/// A foreign key that holds for new rows at once, then orphans moved aside, then all rows checked.
async fn lead_to_mails(
    judge: &mut Judge<'_>,
    events: &'static Table,
    what: &str,
    mut acts: Vec<Act>,
    as_text: bool,
) -> Result<(), Error> {
    let orphans = judge.rows.orphans(as_text).await?;
    let (mut what, mut sentence) =
        (what.to_owned(), format!("the foreign key {} made and checked", FOREIGN_KEY.name));
    if orphans > 0 {
        what = format!("{what}, and {} of no mail", are(orphans, "event"));
        sentence =
            format!("{sentence}, {} of no mail moved to aftersend_removed_events", counted(orphans, "event"));
        let make = render(include_str!("../sql/136_removed_events.sql"), judge.prefix);
        acts.push(Act::guarded(make, Lock::None));
        acts.push(Act {
            sql: render(include_str!("../sql/136_move_orphans.sql"), judge.prefix),
            lock: Lock::RowExclusive,
            way: Way::Keys,
        });
    }
    acts.push(validate(judge));
    judge.repair(Phase::ForeignKey, events, what, sentence, acts);
    Ok(())
}
