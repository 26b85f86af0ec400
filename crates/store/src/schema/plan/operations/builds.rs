//! What it takes to get an index, given what is there, and how large it will be.

use super::{Planner, concurrently_lock, empty, lock};
use crate::schema::{
    contract::{Index, Method, Predicate},
    online::{
        builds::{self, Standing},
        guard,
    },
    plan::{
        Amount, Manner, Operation,
        estimate::{Value, btree_bytes, trigram_bytes},
    },
    steps::v137,
};

impl Planner<'_> {
    /// What it takes to get an index while others write, given what is there.
    pub(super) fn build(&self, index: &'static Index) -> Vec<Operation> {
        let mut there = self.indexes.to_vec();
        let mut operations = Vec::new();
        loop {
            match Standing::of(index, &there) {
                Standing::Valid(name) => {
                    if name != index.name {
                        operations.push(self.rename(index, &name));
                    }
                    return operations;
                }
                Standing::BeingBuilt(by) => {
                    let what = format!("Wait for {by}, and take it as {}", index.name);
                    operations.push(empty(what, Manner::Reads));
                    return operations;
                }
                Standing::LeftOvers(names) => {
                    for name in &names {
                        operations.push(self.drop_left_over(index, name));
                    }
                    there.retain(|found| !names.contains(&found.name));
                }
                standing @ (Standing::Ready | Standing::Absent) => {
                    let ready = matches!(standing, Standing::Ready);
                    let statement = if ready {
                        builds::rebuild_sql(self.prefix, index)
                    } else {
                        index.create_sql(self.prefix, &self.trigrams.schema, true)
                    };
                    let what = if ready {
                        format!(
                            "Build {} again, which a failed build left and which refuses duplicates already",
                            index.name
                        )
                    } else {
                        format!("Build the index {}: {}", index.name, purpose(index))
                    };
                    let mut locks = vec![concurrently_lock(index.table)];
                    if index.unique {
                        locks.push(lock(
                            index.table,
                            "ROW EXCLUSIVE",
                            "nobody; a second session holds it as a writer would, and the build waits for that until \
                             a search finds no duplicate",
                        ));
                    }
                    operations.push(Operation {
                        statements: vec![statement],
                        locks,
                        ..self.built(index, what, Manner::Concurrently)
                    });
                    return operations;
                }
            }
        }
    }

    /// What a build puts together.
    fn built(&self, index: &Index, what: String, manner: Manner) -> Operation {
        let rows = self.entries(index);
        Operation {
            rows,
            bytes_read: self.measured.rows_bytes(index.table),
            bytes_written: self.index_bytes(index, rows),
            time: self.times.get(index.name).cloned(),
            ..empty(what, manner)
        }
    }

    fn rename(&self, index: &Index, name: &str) -> Operation {
        Operation {
            statements: vec![
                guard(self.prefix, &self.limits, &[index.table]),
                builds::rename_sql(self.prefix, name, index),
            ],
            locks: vec![lock(name, "SHARE UPDATE EXCLUSIVE", "nobody who reads or writes")],
            ..empty(
                format!("Rename {name}, which does what {} must, so that it need not be built", index.name),
                Manner::Guarded,
            )
        }
    }

    fn drop_left_over(&self, index: &Index, name: &str) -> Operation {
        Operation {
            statements: vec![builds::drop_sql(self.prefix, name)],
            locks: vec![concurrently_lock(index.table)],
            ..empty(format!("Drop {name}, which a failed build of that index left"), Manner::Concurrently)
        }
    }

    /// How many rows an index holds.
    fn entries(&self, index: &Index) -> Option<Amount> {
        let table = self.measured.rows(index.table);
        let events = self.measured.events;
        let mails = self.measured.mails;
        let counted = match index.predicate {
            None => return table,
            // After the duplicates have gone.
            Some(Predicate::Single) => events.map(|events| events.single_keys),
            Some(Predicate::Repeatable) => events.map(|events| events.repeatable_keys),
            Some(Predicate::IsSet("opened_at")) => mails.map(|mails| mails.opened),
            Some(Predicate::IsSet("clicked_at")) => mails.map(|mails| mails.clicked),
            Some(Predicate::IsSet("body_full")) => mails.map(|mails| mails.with_body),
            Some(Predicate::IsSet(_)) => None,
        };
        counted.map(Amount::counted).or(table.map(|rows| Amount::estimated(rows.number)))
    }

    fn index_bytes(&self, index: &Index, rows: Option<Amount>) -> Option<Amount> {
        let rows = rows?.number;
        let mails = self.measured.mails;
        let bytes = match index.method {
            Method::Trigrams => {
                let mails = mails?;
                let characters = match index.columns {
                    ["to"] => mails.to_characters,
                    ["subject"] => mails.subject_characters,
                    ["campaign_id"] => mails.campaign_characters,
                    _ => return None,
                };
                trigram_bytes(characters)
            }
            Method::Btree => {
                let value = |column: &&str| match *column {
                    "email_log_uuid" | "uuid" => Some(Value::Uuid),
                    "event_type" => {
                        Some(Value::Text(self.measured.events.map_or(8.0, |events| events.type_bytes)))
                    }
                    "template_name" => mails.map(|mails| Value::Text(mails.template_bytes)),
                    name if name.ends_with("_at") => Some(Value::Time),
                    _ => None,
                };
                let values: Option<Vec<Value>> = index.columns.iter().map(value).collect();
                btree_bytes(rows, &values?)
            }
        };
        Some(Amount::estimated(bytes))
    }

    pub(super) fn put_in_place(&self, index: &'static Index) -> Option<Operation> {
        let statements = v137::put_in_place_sql(self.prefix, &self.trigrams.schema, index, self.indexes);
        let builds = statements.last()?.starts_with("CREATE");
        let dropped = if statements.len() > 1 { ", in place of what a failed build left" } else { "" };
        if builds {
            let what = format!("Build the index {}: {}{dropped}", index.name, purpose(index));
            return Some(Operation { statements, ..self.built(index, what, Manner::TheTransaction) });
        }
        let what = format!("Rename the index that does what {} must{dropped}", index.name);
        Some(Operation { statements, ..empty(what, Manner::TheTransaction) })
    }
}

/// What an index is for, in a few words.
fn purpose(index: &Index) -> &'static str {
    match (index.method, index.predicate) {
        (Method::Trigrams, _) => "searches by a part of the text",
        (_, Some(Predicate::Single)) => "one event of a type to a mail, opens and clicks aside",
        (_, Some(Predicate::Repeatable)) => "one open or click to a mail and time",
        (_, Some(Predicate::IsSet("body_full"))) => "the archiver's search",
        _ => "figures by template",
    }
}
