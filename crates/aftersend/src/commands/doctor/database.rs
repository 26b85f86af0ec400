//! The database, its schema, and what is in it.

use std::{path::Path, time::Duration};

use aftersend_store::{
    Examiner, PARK_FOR_DEFAULT, QueryError, Right, RightsFindings, ServerFindings, UnknownMails,
    schema::{MigrateError, SchemaFindings, Step},
};
use jiff::Timestamp;

use super::{older_mails, report::Report};
use crate::{commands::migrate::text, config::Settings, database::Place};

/// The newest PostgreSQL that this program was written for.
const VERSION_MAX: i32 = 18;

/// Seconds by which clocks may differ before lags and ages mislead.
const CLOCKS_APART_S_MAX: f64 = 5.0;

/// Connections that a program opens at most: eight for storing, eight for reading, one for looking after parked events, one
/// for the job that it runs.
const CONNECTIONS: i64 = 18;

/// How long storing a batch may take before it is given up here: a limit of the server's should be longer.
const BATCH_MS: u64 = 75_000;

/// Differences that are listed; `migrate verify` has the rest.
const DIFFERENCES_MAX: usize = 20;

/// For how long events may be behind the mails.
const EVENTS_BEHIND: Duration = Duration::from_hours(1);

/// Says that the embedded database is still to be made.
pub(super) fn unmade(folder: &Path, report: &mut Report) {
    report.begin("database");
    report.warn(
        "reachable",
        format!("the embedded database in {} was never made", folder.display()),
        "the first command that reads or writes mail makes it; for a database of your own: --database-url",
    );
}

/// Says that the embedded server does not start.
pub(super) fn not_started(reason: &str, report: &mut Report) {
    report.begin("database");
    report.refused("reachable", reason);
}

/// Looks at all of it, as far as it answers.
pub(super) async fn look(place: &Place, settings: &Settings, report: &mut Report) {
    report.begin("database");
    let examiner = match Examiner::open(&place.address, place.prefix.clone()).await {
        Ok(examiner) => examiner,
        // It says where, and what to do.
        Err(error) => return report.refused("reachable", error.to_string()),
    };
    if examiner.is_pooled() {
        return report.wrong(
            "pooler",
            format!(
                "at {} answers a connection pooler that gives each transaction another session: Aftersend's time limits \
                 would come to other programs' sessions, and `migrate` refuses to run. Nothing else was asked through it",
                place.address.place()
            ),
            "give the server's own address, usually port 5432 of the machine behind the pooler, or a pool with pool_mode \
             = session",
        );
    }
    let server = match examiner.server().await {
        Ok(server) => server,
        Err(error) => return report.refused("reachable", error.to_string()),
    };
    about_server(&server, place, report);
    about_settings(&server, report);
    match examiner.rights().await {
        Ok(rights) => about_rights(&rights, &server.user, place, report),
        Err(error) => report.unknown("rights", format!("what the user may do: {error}"), None),
    }
    report.begin(format!("schema {}", place.prefix));
    match examiner.schema().await {
        Ok(schema) => {
            about_schema(&schema, place, report);
            about_contents(&examiner, &schema, settings, report).await;
        }
        // Its sentence says what to do, but for what is no matter of the schema.
        Err(error) => no_schema(&error, report),
    }
}

fn about_server(server: &ServerFindings, place: &Place, report: &mut Report) {
    let user = &server.user;
    let whose = if place.is_embedded() { "the embedded " } else { "" };
    let answers = format!(
        "{whose}PostgreSQL {} answers at {}, to the user {user}",
        server.version,
        place.address.place()
    );
    if server.version_major > VERSION_MAX {
        report.warn(
            "reachable",
            format!("{answers}; Aftersend knows PostgreSQL up to {VERSION_MAX}"),
            "look for a newer Aftersend",
        );
    } else {
        report.well("reachable", answers);
    }
    if server.is_standby {
        report.wrong(
            "read_only",
            "the server is a standby, which takes no events",
            "give the primary's address",
        );
    } else if server.is_read_only {
        report.wrong(
            "read_only",
            format!("transactions of {user} are read-only there"),
            format!(
                "ALTER ROLE {} RESET default_transaction_read_only; or the same with ALTER DATABASE, or in postgresql.conf",
                quoted(user)
            ),
        );
    } else {
        report.well("read_only", "it can be written to");
    }
    let apart_s = server.clock_ahead_s;
    if apart_s.abs() > CLOCKS_APART_S_MAX {
        let direction = if apart_s > 0.0 { "ahead of" } else { "behind" };
        report.warn(
            "clock",
            format!("the server's clock is {} {direction} this machine's", text::seconds(apart_s.abs())),
            "set whichever is wrong (`timedatectl`): AWS refuses requests of a clock that is minutes off, and lags and ages \
             are computed from both",
        );
    } else {
        report.well("clock", "the server's clock and this machine's agree");
    }
    let free = server.connections_free;
    if free < CONNECTIONS {
        report.warn(
            "connections",
            format!("the server has {free} connections left for {user}, and a program of Aftersend's opens up to {CONNECTIONS}"),
            "raise max_connections, or the role's limit: ALTER ROLE … CONNECTION LIMIT …",
        );
    } else {
        report.well("connections", format!("it has {free} connections left for {user}"));
    }
    match (server.has_trigrams, server.offers_trigrams) {
        (true, _) => report.well("pg_trgm", "the extension pg_trgm is there"),
        (false, true) => report.warn(
            "pg_trgm",
            "the extension pg_trgm is not in this database",
            "`aftersend migrate up` makes it if the user may; else, as a superuser: CREATE EXTENSION pg_trgm;",
        ),
        (false, false) => report.wrong(
            "pg_trgm",
            "the server does not offer the extension pg_trgm, which step 137 needs",
            "install PostgreSQL's contrib package there (Fedora: postgresql-contrib; Debian's server package holds it)",
        ),
    }
}

/// Settings of the role, the database or the server that Aftersend's sessions do not set themselves.
fn about_settings(server: &ServerFindings, report: &mut Report) {
    let before = report.findings.len();
    let role = quoted(&server.user);
    for (name, loss) in [
        ("fsync", "a crash of its machine may destroy the database"),
        ("full_page_writes", "a crash of its machine may destroy pages"),
        (
            "synchronous_commit",
            "a crash of the server may lose the last events that were committed and so deleted from their queue",
        ),
    ] {
        if server.setting(name) == Some("off") {
            let fix = match name {
                "synchronous_commit" => format!("ALTER ROLE {role} SET synchronous_commit = on;"),
                _ => format!("{name} = on in postgresql.conf"),
            };
            report.warn("settings", format!("{name} is off: {loss}"), fix);
        }
    }
    let limit_ms = |name: &str| -> u64 {
        let digits = server.setting(name).map(|value| value.trim_end_matches(|c: char| !c.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    let transaction_ms = limit_ms("transaction_timeout");
    if (1..BATCH_MS).contains(&transaction_ms) {
        report.warn(
            "settings",
            format!("transaction_timeout ends transactions after {transaction_ms} ms, and with them batches that take longer"),
            format!("ALTER ROLE {role} SET transaction_timeout = 0;"),
        );
    }
    let idle_ms = limit_ms("idle_session_timeout");
    if idle_ms > 0 {
        report.warn(
            "settings",
            format!("idle_session_timeout ends sessions after {idle_ms} ms of silence, so that quiet hours cost new ones"),
            format!("ALTER ROLE {role} SET idle_session_timeout = 0;"),
        );
    }
    if report.findings.len() == before {
        report.well(
            "settings",
            "no setting there harms; sessions set their own lock_timeout and statement_timeout",
        );
    }
}

fn about_rights(rights: &RightsFindings, user: &str, place: &Place, report: &mut Report) {
    // That there is no schema is said with the schema.
    if !rights.has_schema {
        return;
    }
    let (schema, role) = (place.prefix.quoted(), quoted(user));
    if !rights.may_enter {
        report.wrong(
            "rights",
            format!("{user} may not look into the schema {}", place.prefix),
            format!("GRANT USAGE ON SCHEMA {schema} TO {role};"),
        );
    }
    for table in &rights.wrong {
        if !table.missing.is_empty() {
            let missing: Vec<&str> = table.missing.iter().copied().map(Right::name).collect();
            let missing = missing.join(", ");
            report.wrong(
                "rights",
                format!("{user} may not {missing} on {}", table.table),
                format!("GRANT {missing} ON {schema}.{} TO {role};", table.table),
            );
        }
        if table.has_policies {
            report.warn(
                "rights",
                format!(
                    "policies for rows of {} hold for {user}, who may not see or write all of them",
                    table.table
                ),
                format!("as a superuser: ALTER ROLE {role} BYPASSRLS;"),
            );
        }
    }
    if rights.may_enter && rights.wrong.is_empty() && rights.tables > 0 {
        report
            .well("rights", format!("{user} may read and write the {} tables that are there", rights.tables));
    }
}

fn no_schema(error: &MigrateError, report: &mut Report) {
    match error {
        MigrateError::Database { .. } => {
            report.unknown("schema", format!("where the schema stands: {error}"), None);
        }
        _ => report.refused("schema", error.to_string()),
    }
}

fn about_schema(schema: &SchemaFindings, place: &Place, report: &mut Report) {
    let reached = schema.status.reached();
    let marker = schema
        .status
        .marker
        .map_or("no version marker".to_owned(), |marker| format!("PhoenixKit version {marker}"));
    let at = format!("it is at step {} ({marker})", reached.map_or("none", Step::name));
    let up = place.migrate_command();
    let is_early = schema.status.marker.is_some_and(|marker| marker < 136);
    if reached == Some(Step::LATEST) {
        report.well("schema", format!("{at}, the newest"));
    } else if place.is_embedded() {
        report.warn(
            "schema",
            format!("{at}, and this Aftersend needs {}", Step::LATEST),
            "the next command that reads or writes mail brings it up to date",
        );
    } else if is_early {
        report.wrong(
            "schema",
            format!("{at}, and Aftersend begins at 136"),
            "run PhoenixKit's own migrations up to 136, then `aftersend migrate plan`",
        );
    } else {
        report.wrong(
            "schema",
            format!("{at}, and this Aftersend needs {}", Step::LATEST),
            format!("`{}` tells what will be done, `{up}` does it", up.replacen(" up", " plan", 1)),
        );
    }
    about_catalog(schema, report);
    if let Some(run) = &schema.last_run
        && !run.is_done()
    {
        let (step, phase) = (&run.step, &run.phase);
        if run.running {
            report.note("migration", format!("a migration is running: step {step}, {phase}"));
        } else {
            report.warn(
                "migration",
                format!("a migration was broken off: step {step}, {phase}"),
                format!("the same command goes on from there, as a rule `{up}`"),
            );
        }
    }
}

/// Whether tables, columns and indexes are what the schema's step says.
fn about_catalog(schema: &SchemaFindings, report: &mut Report) {
    // That no table is there at all is said by the step.
    if schema.catalog.marker.is_none()
        && schema.catalog.differences.len() <= 1
        && schema.status.reached().is_none()
    {
        return;
    }
    let differences = &schema.catalog.differences;
    for difference in differences.iter().take(DIFFERENCES_MAX) {
        let what = format!("{}: {}", difference.table, difference.what);
        match &difference.fix {
            Some(fix) => report.wrong("catalog", what, fix),
            None => report.refused("catalog", what),
        }
    }
    match differences.len().checked_sub(DIFFERENCES_MAX) {
        Some(left @ 1..) => {
            report.wrong("catalog", format!("there are {left} more differences"), "aftersend migrate verify");
        }
        _ if differences.is_empty() => {
            report.well("catalog", "its tables, columns and indexes are what that step says");
        }
        _ => {}
    }
}

async fn about_contents(
    examiner: &Examiner,
    schema: &SchemaFindings,
    settings: &Settings,
    report: &mut Report,
) {
    let has = |step: Step| schema.status.steps.iter().any(|status| status.step == step && status.applied);
    report.begin("mail");
    let now = Timestamp::now();
    if has(Step::A1) {
        match examiner.newest().await {
            Ok(newest) => about_newest(newest.event_at, newest.mail_at, now, report),
            Err(error) => cant_tell("events", "which event is the newest", &error, report),
        }
        match examiner.quarantined().await {
            Ok(size) if size.messages == 0 => report.well("quarantine", "the quarantine is empty"),
            Ok(size) => report.warn(
                "quarantine",
                format!(
                    "{} in the quarantine{}",
                    text::count_of(size.messages, "message is", "messages are"),
                    size.oldest_received_at.map_or(String::new(), |at| format!(", the oldest since {}", ago(at, now)))
                ),
                "`aftersend quarantine list` tells the reasons; `replay` reads them anew, `drop` removes them",
            ),
            Err(error) => cant_tell("quarantine", "what is in the quarantine", &error, report),
        }
    }
    if has(Step::A4) {
        match examiner.parked().await {
            Ok(parked) => about_parked(parked.events, parked.oldest_age_s, settings, report),
            Err(error) => cant_tell("parked", "how many events are parked", &error, report),
        }
    }
    if has(Step::A10) {
        older_mails::look(examiner, settings, report).await;
    }
}

fn about_newest(
    event_at: Option<Timestamp>,
    mail_at: Option<Timestamp>,
    now: Timestamp,
    report: &mut Report,
) {
    let check = "let SES publish events to the topic or queue that Aftersend reads, and look whether `serve` or `ingest \
                 sqs` runs: its /feeds or its log";
    match (event_at, mail_at) {
        (None, None) => report.warn("events", "no event and no mail is stored yet", check),
        (None, Some(mail_at)) => report.warn(
            "events",
            format!("no event of SES's is stored, and mail went out until {}", ago(mail_at, now)),
            check,
        ),
        (Some(event_at), Some(mail_at))
            if mail_at.duration_since(event_at).unsigned_abs() > EVENTS_BEHIND && mail_at > event_at =>
        {
            report.warn(
                "events",
                format!(
                    "events have stopped: the newest is of {}, and mail went out until {}",
                    ago(event_at, now),
                    ago(mail_at, now)
                ),
                check,
            );
        }
        (Some(event_at), _) => {
            report.well("events", format!("the newest event is of {}", ago(event_at, now)));
        }
    }
}

fn about_parked(events: u64, oldest_age_s: f64, settings: &Settings, report: &mut Report) {
    let park_for = match settings.unknown_mails {
        UnknownMails::Auto { park_for } | UnknownMails::Park { park_for } => park_for,
        UnknownMails::Create => PARK_FOR_DEFAULT,
    };
    if events == 0 {
        return report.well("parked", "no event waits for its mail");
    }
    let wait = text::count_of(events, "event waits for its mail", "events wait for their mail");
    let what = format!("{wait}, the oldest for {}", text::seconds(oldest_age_s));
    if oldest_age_s > 2.0 * park_for.as_secs_f64() {
        let limit = text::seconds(park_for.as_secs_f64());
        report.warn(
            "parked",
            format!("{what}, though their mail is made after {limit}"),
            "`serve` or `ingest sqs` looks after them while it runs: start one, or see its log",
        );
    } else {
        report.well("parked", what);
    }
}

fn cant_tell(check: &'static str, what: &str, error: &QueryError, report: &mut Report) {
    report.unknown(check, format!("{what}: {error}"), None);
}

/// `2026-03-10 12:00:00 UTC (3 h 5 min ago)`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let age_s = now.duration_since(at).as_secs_f64();
    let exact = at.strftime("%Y-%m-%d %H:%M:%S UTC");
    if age_s < 0.0 { exact.to_string() } else { format!("{exact} ({} ago)", text::seconds(age_s)) }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
