//! Step 137 on made-up databases, held against a second, plain one: `test_data/v137_reference.sql`.
//!
//! For each case three schemas get the same rows: the reference works on one, the program in its ways on the others,
//! and all end with the same rows and objects; what was removed is kept, and goes back when the step goes down.

mod cases;
mod snapshot;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use aftersend_testkit::{
    Database,
    database::{Client, TestDatabase},
};

use self::{
    cases::{Case, Part},
    snapshot::{OWN_TABLES, Removed, Snapshot, require_removed, tell},
};
use crate::{
    DatabaseAddress, Prefix,
    schema::{DownOptions, MigrateError, Migrator, Step, Target, UpOptions},
    sql::render,
};

/// How many cases to try, those of the seeds from 0 on.
const CASES_VARIABLE: &str = "AFTERSEND_PROPERTY_CASES";
/// The only case to try, by its seed.
const SEED_VARIABLE: &str = "AFTERSEND_PROPERTY_SEED";
const CASES_DEFAULT: u64 = 32;

/// How long to look for a smaller case that fails, too.
const SHRINK_MAX: Duration = Duration::from_mins(1);

/// The schema of `pg_trgm`, with a name that needs its quotes.
const TRIGRAMS: &str = "\"Trigrams, kept apart\"";

const ALTER_EVENTS: &str = "ALTER TABLE \"prefix\".phoenix_kit_email_events";

/// A way that the program has to step 137.
#[derive(Clone, Copy, Debug)]
enum Way {
    Online,
    InTransaction,
}

impl Way {
    fn options(self) -> UpOptions {
        UpOptions { in_transaction: matches!(self, Self::InTransaction), ..UpOptions::from(Step::V137) }
    }
}

/// A database that cases share, one after the other. `CREATE INDEX CONCURRENTLY` waits for the snapshots of all that
/// goes on in its database, so that no two cases can be in one at the same time.
struct Ground {
    address: DatabaseAddress,
    client: Client,
    // Dropped last, when nobody is connected any more.
    _database: TestDatabase,
}

/// One of a case's schemas.
struct Place {
    prefix: Prefix,
    migrator: Migrator,
    /// As step 136 made it, the application's own column included.
    v136: Vec<String>,
    /// With the case's rows in it.
    before: Snapshot,
}

#[tokio::test]
async fn every_way_to_step_137_ends_like_the_reference() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    let (first, end) = match number(SEED_VARIABLE) {
        Some(seed) => (seed, seed + 1),
        None => (0, number(CASES_VARIABLE).unwrap_or(CASES_DEFAULT)),
    };
    let next = AtomicU64::new(first);
    let try_all = async || {
        let ground = Ground::new().await;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let case = Case::new(seed);
            if let Err(problem) = ground.check(&case).await {
                let (case, problem, tries) = ground.shrink(case, problem).await;
                panic!("{}", failure(&case, &problem, tries));
            }
        }
    };
    // The tests' server has its share of two cores.
    tokio::join!(try_all(), try_all());
}

fn failure(case: &Case, problem: &str, tries: u32) -> String {
    let mut rows = String::new();
    tell(&mut rows, "mails of the case", case.mails.iter().map(|mail| format!("{mail:?}")));
    tell(&mut rows, "events of the case", case.events.iter().map(|event| format!("{event:?}")));
    format!(
        "seed {}, made smaller in {tries} tries: {problem}\
         it has the marker {}, the indexes {:?} built ahead, the schemas {:?} and\n{rows}\
         run it alone with {SEED_VARIABLE}={} cargo test -p aftersend-store every_way_to_step_137",
        case.seed,
        case.marker,
        case.built.iter().map(|(_, name)| name).collect::<Vec<_>>(),
        case.prefixes,
        case.seed,
    )
}

impl Ground {
    async fn new() -> Self {
        let database = Database::get().await.fresh_database().await;
        let address = database.url().parse().unwrap();
        let client = database.client().await;
        let setup = format!(
            "CREATE SCHEMA {TRIGRAMS}; CREATE EXTENSION pg_trgm SCHEMA {TRIGRAMS}; \
             SET search_path = pg_catalog; SET TimeZone = 'UTC'; SET client_min_messages = 'warning'"
        );
        client.batch_execute(&setup).await.unwrap();
        Self { address, client, _database: database }
    }

    /// Tries a case, and clears up behind it. Says what is wrong, if anything is.
    async fn check(&self, case: &Case) -> Result<(), String> {
        let result = self.check_ways(case).await;
        for prefix in &case.prefixes {
            let drop = format!("DROP SCHEMA IF EXISTS \"{prefix}\" CASCADE");
            self.client.batch_execute(&drop).await.unwrap();
        }
        result
    }

    async fn check_ways(&self, case: &Case) -> Result<(), String> {
        let [online, in_transaction, reference] = &case.prefixes;
        let mut ways = [
            (Way::Online, self.place(case, online).await),
            (Way::InTransaction, self.place(case, in_transaction).await),
        ];
        let reference = self.place(case, reference).await;
        for (_, place) in &ways {
            // Or else the comparison would mean nothing.
            assert_eq!(
                place.before, reference.before,
                "seed {}: the schemas differ from the start",
                case.seed
            );
        }

        self.run_reference(case, &reference.prefix).await;
        let expected = self.snapshot(&reference.prefix).await;
        let mut neighbours = BTreeMap::from([(reference.prefix.raw().to_owned(), expected.clone())]);
        neighbours
            .extend(ways.iter().map(|(_, place)| (place.prefix.raw().to_owned(), place.before.clone())));

        let mut reached = Vec::new();
        for (way, place) in &mut ways {
            let found = self.up(*way, place, &expected, "up").await?;
            neighbours.insert(place.prefix.raw().to_owned(), found.clone());
            self.require_neighbours(&neighbours, &format!("{way:?}, up")).await?;
            reached.push(found);
        }
        // Those tables, too, that the reference knows nothing of.
        reached[0]
            .require(&reached[1])
            .map_err(|text| format!("online is not as in a transaction:\n{text}"))?;

        // What is not put back the first time is the second time.
        let downs: &[bool] = if case.goes_down_twice { &[false, true] } else { &[true] };
        for &restore in downs {
            for ((way, place), up) in ways.iter_mut().zip(&reached) {
                let down = self.down(case, place, &expected, restore).await;
                let down = down.map_err(|text| format!("{way:?}, down with restore {restore}:\n{text}"))?;
                if restore {
                    neighbours.insert(place.prefix.raw().to_owned(), down);
                    self.require_neighbours(&neighbours, &format!("{way:?}, down")).await?;
                }
                self.mark(case, &place.prefix).await;
                let again = self.up(*way, place, &expected, "up again").await?;
                again
                    .require(up)
                    .map_err(|text| format!("{way:?}, up again and not as at first:\n{text}"))?;
                neighbours.insert(place.prefix.raw().to_owned(), again);
            }
        }
        self.require_neighbours(&neighbours, "in the end").await
    }

    /// A schema with the case's rows.
    async fn place(&self, case: &Case, prefix: &str) -> Place {
        let prefix: Prefix = prefix.parse().unwrap();
        let mut migrator = Migrator::open(&self.address, prefix.clone()).await.unwrap();
        migrator.up(Step::V136).await.unwrap();
        if case.has_own_column {
            self.run(&prefix, &format!("{ALTER_EVENTS} ADD note text DEFAULT 'kept'")).await;
        }
        let v136 = self.snapshot(&prefix).await.catalog;
        self.fill(case, &prefix).await;
        let before = self.snapshot(&prefix).await;
        Place { prefix, migrator, v136, before }
    }

    /// Indexes first: one that is unique keeps out the duplicates that it would keep out of an application's tables.
    async fn fill(&self, case: &Case, prefix: &Prefix) {
        for (index, name) in &case.built {
            let unique = if index.is_unique { "UNIQUE " } else { "" };
            let on = index.on.replace("\"trgm\"", TRIGRAMS);
            self.run(prefix, &format!("CREATE {unique}INDEX {name} ON \"prefix\".{on}")).await;
        }
        self.mark(case, prefix).await;

        let mails = &case.mails;
        let columns: [Vec<Option<String>>; 8] = [
            mails.iter().map(|mail| Some(mail.uuid.to_string())).collect(),
            mails.iter().map(|mail| Some(mail.message_id.clone())).collect(),
            mails.iter().map(|mail| mail.aws_message_id.clone()).collect(),
            mails.iter().map(|mail| mail.headers.clone()).collect(),
            mails.iter().map(|mail| mail.subject.clone()).collect(),
            mails.iter().map(|mail| mail.template_name.clone()).collect(),
            mails.iter().map(|mail| mail.opened_at.clone()).collect(),
            mails.iter().map(|mail| mail.body_full.clone()).collect(),
        ];
        let insert = r#"
            INSERT INTO "prefix".phoenix_kit_email_logs (uuid, message_id, aws_message_id, headers, subject,
                template_name, opened_at, body_full, "to", "from", sent_at, inserted_at, updated_at)
            SELECT a::uuid, b, c, d::jsonb, e, f, g::timestamptz, h, 'ann@example.com', 'shop@example.com',
                '2026-09-01', '2026-09-02', '2026-09-03'
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                AS row (a, b, c, d, e, f, g, h)"#;
        self.insert(prefix, insert, &columns).await;

        let events = &case.events;
        let columns: [Vec<Option<String>>; 7] = [
            events.iter().map(|event| Some(event.uuid.to_string())).collect(),
            events.iter().map(|event| Some(event.mail.to_string())).collect(),
            events.iter().map(|event| Some(event.event_type.clone())).collect(),
            events.iter().map(|event| Some(event.occurred_at.clone())).collect(),
            events.iter().map(|event| event.event_data.clone()).collect(),
            events.iter().map(|event| event.link_url.clone()).collect(),
            events.iter().map(|event| Some(event.inserted_at.clone())).collect(),
        ];
        let insert = r#"
            INSERT INTO "prefix".phoenix_kit_email_events (uuid, email_log_uuid, event_type, occurred_at, event_data,
                link_url, inserted_at, updated_at)
            SELECT a::uuid, b::uuid, c, d::timestamptz, e::jsonb, f, g::timestamptz, '2026-09-03'
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                AS row (a, b, c, d, e, f, g)
            ON CONFLICT DO NOTHING"#;
        self.insert(prefix, insert, &columns).await;
    }

    async fn mark(&self, case: &Case, prefix: &Prefix) {
        self.run(prefix, &format!("COMMENT ON TABLE \"prefix\".phoenix_kit IS '{}'", case.marker)).await;
    }

    async fn insert(&self, prefix: &Prefix, insert: &str, columns: &[Vec<Option<String>>]) {
        let parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
            columns.iter().map(|column| column as _).collect();
        self.client.execute(&render(insert, prefix), &parameters).await.unwrap();
    }

    async fn run(&self, prefix: &Prefix, template: &str) {
        let sql = render(template, prefix);
        self.client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    async fn snapshot(&self, prefix: &Prefix) -> Snapshot {
        Snapshot::take(&self.client, prefix).await
    }

    /// What step 137 says that it has removed.
    async fn removed(&self, prefix: &Prefix) -> Vec<Removed> {
        let query = r#"
            SELECT uuid::text, email_log_uuid::text, kept_uuid::text, step, "row"::text
            FROM "prefix".aftersend_removed_events"#;
        let rows = self.client.query(&render(query, prefix), &[]).await.unwrap();
        let removed = |row: &tokio_postgres::Row| Removed {
            uuid: row.get(0),
            mail: row.get(1),
            kept: row.get(2),
            step: row.get(3),
            row: row.get(4),
        };
        rows.iter().map(removed).collect()
    }

    /// An index of the right shape and another name is not built a second time but gets the contract's name.
    async fn run_reference(&self, case: &Case, prefix: &Prefix) {
        for (index, name) in case.built.iter().filter(|(index, name)| index.name != name) {
            self.run(prefix, &format!("ALTER INDEX \"prefix\".{name} RENAME TO {}", index.name)).await;
        }
        self.run(prefix, include_str!("../../../test_data/v137_reference.sql")).await;
    }

    /// Takes a schema up, and says how it differs from the reference.
    async fn up(
        &self,
        way: Way,
        place: &mut Place,
        expected: &Snapshot,
        doing: &str,
    ) -> Result<Snapshot, String> {
        let says = |text: String| format!("{way:?}, {doing}, and not as the reference:\n{text}");
        place.migrator.up(way.options()).await.map_err(|error| says(format!("  {error}\n")))?;
        let found = self.snapshot(&place.prefix).await;
        found.clone().without(&OWN_TABLES).require(expected).map_err(says)?;

        let more =
            place.migrator.up(Step::V137).await.map_err(|error| says(format!("  twice: {error}\n")))?;
        if !more.is_empty() {
            return Err(says(format!("  there was something left to do: {more:?}\n")));
        }
        Ok(found)
    }

    /// Takes a schema down, and says how it is not as it was before.
    async fn down(
        &self,
        case: &Case,
        place: &mut Place,
        expected: &Snapshot,
        restore: bool,
    ) -> Result<Snapshot, String> {
        let options = DownOptions { restore_removed: restore, ..DownOptions::default() };
        let to = Target::Step(Step::V136);
        if case.marker > 137 {
            let refused = place.migrator.down(to, options).await;
            if !matches!(refused, Err(MigrateError::AboveContract { .. })) {
                return Err(format!("  not refused: {refused:?}\n"));
            }
            // PhoenixKit takes its own steps down.
            self.run(&place.prefix, "COMMENT ON TABLE \"prefix\".phoenix_kit IS '137'").await;
        }
        if case.has_late_column {
            self.run(&place.prefix, &format!("{ALTER_EVENTS} ADD late int NOT NULL DEFAULT 7")).await;
        }
        place.migrator.down(to, options).await.map_err(|error| format!("  {error}\n"))?;
        if case.has_late_column {
            self.run(&place.prefix, &format!("{ALTER_EVENTS} DROP late")).await;
        }

        let found = self.snapshot(&place.prefix).await;
        let events = if restore { &place.before.events } else { &expected.events };
        // The ids stay, as specified.
        let before =
            Snapshot { mails: expected.mails.clone(), events: events.clone(), catalog: place.v136.clone() };
        if events.len() < place.before.events.len() {
            // What was removed is still there, and has to be.
            require_removed(&self.removed(&place.prefix).await, &place.before.events, events)?;
            found.clone().without(&["aftersend_removed_events"]).require(&before)?;
        } else {
            found.require(&before)?;
        }
        Ok(found)
    }

    /// Other schemas of the database must be as they were.
    async fn require_neighbours(
        &self,
        neighbours: &BTreeMap<String, Snapshot>,
        doing: &str,
    ) -> Result<(), String> {
        for (prefix, expected) in neighbours {
            let found = self.snapshot(&prefix.parse().unwrap()).await;
            found
                .require(expected)
                .map_err(|text| format!("{doing}, and the neighbour {prefix} changed:\n{text}"))?;
        }
        Ok(())
    }

    /// Leaves away what the failure does not need.
    async fn shrink(&self, mut case: Case, mut problem: String) -> (Case, String, u32) {
        let began = Instant::now();
        let mut tries = 0;
        for part in [Part::Mails, Part::Events, Part::Built] {
            let mut size = case.count(part);
            while size > 0 {
                let mut start = 0;
                while start < case.count(part) && began.elapsed() < SHRINK_MAX {
                    let smaller = case.without(part, start..case.count(part).min(start + size));
                    tries += 1;
                    match self.check(&smaller).await {
                        Ok(()) => start += size,
                        Err(text) => (case, problem) = (smaller, text),
                    }
                }
                size /= 2;
            }
        }
        (case, problem, tries)
    }
}
