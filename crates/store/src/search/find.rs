//! How the mails that fit are found, newest or oldest first, on a table of any size.
//!
//! There are two ways. The **walk** reads mails in the order of their times, a slice of so many rows at a time, and keeps
//! those that fit: right for what is common, and it always tells how far it has come. The **gather** lets an index (of
//! trigrams, of templates, of events) name all mails that fit, and sorts them: right for what is rare. Which of the two
//! is right PostgreSQL can't tell beforehand, since it guesses how common a part of a text is, and is wrong by orders of
//! magnitude; so the first slice is walked in any case, and how many of its mails fit decides.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    count::COUNT_MAILS_MAX,
    filter::{Filter, Gather, Parameter, Parameters},
    page::Cursor,
};
use crate::{QueryError, Store, connect::Reader, sql::render};

/// How far each step goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Rows of the first slice.
    pub(super) first_slice_rows: i64,
    /// Rows of a slice at most.
    pub(super) slice_rows_max: i64,
    /// Of fewer than one mail in so many that fit, an index knows them sooner than a walk finds the next page.
    pub(super) rare_rows_per_mail: i64,
}

impl Pace {
    /// The first slice takes a few milliseconds, and tells what is common from what is rare. The longest take some hundred,
    /// so that a time budget ends with most of it used.
    pub(super) const NORMAL: Self =
        Self { first_slice_rows: 2_000, slice_rows_max: 64_000, rare_rows_per_mail: 800 };
}

/// Rows that are walked before an index is asked for all mails that fit: what is common fills a page from them.
const COUNTED_AFTER_ROWS: i64 = 500;

/// With so many that fit among those rows, they are common: a walk finds the page, and their share of all tells how many there are.
const COMMON_MIN: i64 = 20;

/// How long an index may take to name and count all mails that fit.
const COUNTED_BUDGET: Duration = Duration::from_millis(30);

/// Each slice is so many times longer than the one before.
const SLICE_GROWTH: i64 = 4;

/// The gather's share of what is left of the budget, in percent: if it was wrong after all, a walk has the rest.
const GATHER_BUDGET_PERCENT: u32 = 60;

/// The shortest time that a statement is given.
const STATEMENT_TIMEOUT_MIN: Duration = Duration::from_millis(20);

/// Which way through time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// To older mails.
    Back,
    /// To newer ones.
    Forward,
}

impl Direction {
    const fn order(self) -> &'static str {
        match self {
            Self::Back => "ORDER BY mail.sent_at DESC, mail.uuid DESC",
            Self::Forward => "ORDER BY mail.sent_at, mail.uuid",
        }
    }

    const fn comparison(self) -> &'static str {
        match self {
            Self::Back => "<",
            Self::Forward => ">",
        }
    }
}

/// What is read of each mail. All lists begin with `uuid` and `sent_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// What a list shows.
    Summary,
    /// What an export holds.
    Export,
}

impl Columns {
    const fn list(self) -> &'static str {
        match self {
            Self::Summary => {
                r#"mail.uuid, mail.sent_at, mail.message_id, mail.aws_message_id, mail."to", mail."from", mail.subject,
                   mail.template_name, mail.campaign_id, mail.status"#
            }
            Self::Export => {
                r#"mail.uuid, mail.sent_at, mail.message_id, mail.aws_message_id, mail."to", mail."from", mail.subject,
                   mail.template_name, mail.campaign_id, mail.status, mail.delivered_at, mail.opened_at, mail.clicked_at,
                   mail.bounced_at, mail.complained_at, mail.configuration_set, mail.message_tags::text AS message_tags,
                   (SELECT array_agg(known.address ORDER BY known.address)
                    FROM "prefix".aftersend_recipients AS known
                    WHERE known.email_log_uuid = mail.uuid AND known.listed) AS recipients,
                   (SELECT array_agg(known.address ORDER BY known.address)
                    FROM "prefix".aftersend_recipients AS known
                    WHERE known.email_log_uuid = mail.uuid AND known.listed
                      AND (known.hard_bounced_at IS NOT NULL OR known.not_tried_at IS NOT NULL
                           OR known.delivered_at IS NULL AND coalesce(known.soft_bounced_at, known.bounced_at) IS NOT NULL)
                   ) AS bounced,
                   (SELECT ARRAY[bounce.bounce_type, bounce.subtype]
                    FROM (
                        SELECT event.bounce_type::text, event.aftersend_subtype::text AS subtype, event.occurred_at
                        FROM "prefix".phoenix_kit_email_events AS event
                        WHERE event.email_log_uuid = mail.uuid AND event.event_type = 'bounce'
                        UNION ALL
                        SELECT event.bounce_type::text, event.subtype::text, event.occurred_at
                        FROM "prefix".aftersend_folded_events AS event
                        WHERE event.email_log_uuid = mail.uuid AND event.event_type = 'bounce'
                    ) AS bounce
                    ORDER BY bounce.bounce_type IS DISTINCT FROM 'hard',
                             bounce.bounce_type IS DISTINCT FROM 'undetermined', bounce.occurred_at
                    LIMIT 1) AS bounce"#
            }
        }
    }
}

/// A statement with its parameters.
pub(super) struct Question {
    pub(super) sql: String,
    pub(super) parameters: Parameters,
}

/// Goes through the mails that fit from a place on.
pub(super) struct Finder<'a> {
    store: &'a Store,
    filter: &'a Filter,
    columns: Columns,
    direction: Direction,
    pace: Pace,
    /// The last place that was looked at; nothing before the first.
    pub(super) place: Option<Cursor>,
    /// Whether there is nothing behind that place.
    pub(super) ended: bool,
    slice_rows: i64,
    /// Rows walked since the way was chosen, and how many of them fit.
    walked: (i64, i64),
    /// The same of those before it was.
    before: (i64, i64),
    gather_failed: bool,
    /// Whether all mails that fit are to be counted, where an index knows them.
    counting: Counting,
}

/// How far counting all mails that fit has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// Nobody asked.
    No,
    /// Not yet.
    Wanted,
    /// So many, wherever the page begins.
    Counted(u64),
    /// They are more than are counted.
    TooMany,
    /// It would have taken too long.
    TooLong,
}

impl<'a> Finder<'a> {
    pub(super) fn new(
        store: &'a Store,
        filter: &'a Filter,
        columns: Columns,
        direction: Direction,
        place: Option<Cursor>,
        pace: Pace,
    ) -> Self {
        Self {
            store,
            filter,
            columns,
            direction,
            pace,
            place,
            ended: false,
            slice_rows: pace.first_slice_rows,
            walked: (0, 0),
            before: (0, 0),
            gather_failed: false,
            counting: Counting::No,
        }
    }

    /// Counts all mails that fit on the way, where an index knows them and they are few.
    pub(super) fn counting(self) -> Self {
        let slice_rows = match self.filter.gather {
            Gather::ByIndex => COUNTED_AFTER_ROWS.min(self.pace.first_slice_rows),
            Gather::Impossible | Gather::AtOnce => self.slice_rows,
        };
        Self { counting: Counting::Wanted, slice_rows, ..self }
    }

    pub(super) fn counted(&self) -> Counting {
        self.counting
    }

    /// All rows that were walked, and how many of them fit.
    pub(super) fn walked(&self) -> (i64, i64) {
        (self.before.0 + self.walked.0, self.before.1 + self.walked.1)
    }

    /// The next rows that fit, up to `rows_max`. Fewer mean that there are no more ([`ended`](Self::ended)), or that the
    /// time was up: then [`place`](Self::place) says how far it has come.
    pub(super) async fn find(
        &mut self,
        client: &mut Reader,
        rows_max: usize,
        deadline: Instant,
    ) -> Result<Vec<Row>, QueryError> {
        let mut found = Vec::new();
        while !self.ended && found.len() < rows_max {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let wanted = i64::try_from(rows_max - found.len()).unwrap_or(i64::MAX);
            let rows = if self.counts() {
                self.gather_all(client, wanted, left.min(COUNTED_BUDGET)).await
            } else if self.gathers() {
                self.gather(client, wanted, left * GATHER_BUDGET_PERCENT / 100).await
            } else {
                self.walk(client, wanted, left).await
            };
            match rows {
                Ok(rows) => found.extend(rows),
                Err(QueryError::TimedOut) if self.gathers() => self.gather_failed = true,
                Err(QueryError::TimedOut) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Whether an index is the better way from here on.
    fn gathers(&self) -> bool {
        let (rows, fitting) = self.walked;
        match self.filter.gather {
            _ if self.gather_failed => false,
            Gather::Impossible => false,
            // Not once they were counted, and are many after all: a part of an address may be the end of others.
            Gather::AtOnce if self.counting != Counting::TooMany => true,
            Gather::AtOnce | Gather::ByIndex => {
                rows > 0 && fitting.saturating_mul(self.pace.rare_rows_per_mail) < rows
            }
        }
    }

    /// Whether to ask an index for all mails that fit.
    fn counts(&self) -> bool {
        self.counting == Counting::Wanted
            && match self.filter.gather {
                Gather::Impossible => false,
                Gather::AtOnce => true,
                Gather::ByIndex => self.walked.0 > 0 && self.walked.1 < COMMON_MIN,
            }
    }

    async fn walk(
        &mut self,
        client: &mut Reader,
        wanted: i64,
        timeout: Duration,
    ) -> Result<Vec<Row>, QueryError> {
        let slice_rows = self.slice_rows;
        let question = walk(self.filter, self.columns, self.direction, self.place, slice_rows, wanted);
        let mut rows = ask(self.store, client, &question, Reading::ByIndex, timeout).await?;
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let Some(last) = rows.last() else {
            self.ended = true;
            return Ok(rows);
        };
        let reached: i64 = last.try_get("number")?;
        self.place = Some(Cursor::of(last)?);
        // The slice's last row is told whether it fits or not.
        let fits: bool = last.try_get("fits")?;
        if !fits {
            rows.pop();
        }
        self.ended = count < wanted && reached < slice_rows;
        self.walked.0 += reached;
        self.walked.1 += i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.slice_rows = (slice_rows * SLICE_GROWTH).min(self.pace.slice_rows_max);
        Ok(rows)
    }

    /// As [`gather`](Self::gather), of all mails that fit, whose number it tells; nothing where they are too many for that.
    async fn gather_all(
        &mut self,
        client: &mut Reader,
        wanted: i64,
        timeout: Duration,
    ) -> Result<Vec<Row>, QueryError> {
        let question = gather_all(self.filter, self.columns, self.direction, self.place, wanted);
        let mut rows = match ask(self.store, client, &question, Reading::ByIndex, timeout).await {
            Err(QueryError::TimedOut) => Vec::new(),
            rows => rows?,
        };
        let counted = rows.first().map(|row| row.try_get::<_, i64>("counted")).transpose()?;
        self.counting = match counted.map(i64::unsigned_abs) {
            None => Counting::TooLong,
            Some(counted) if counted > COUNT_MAILS_MAX => Counting::TooMany,
            Some(counted) => Counting::Counted(counted),
        };
        if !matches!(self.counting, Counting::Counted(_)) {
            // So few rows don't tell yet what is rare.
            self.slice_rows = self.pace.first_slice_rows;
            self.before = std::mem::take(&mut self.walked);
            return Ok(Vec::new());
        }
        // A count comes also where no mail is left for the page.
        rows.retain(|row| row.try_get::<_, Option<Uuid>>("uuid").is_ok_and(|uuid| uuid.is_some()));
        self.ended = i64::try_from(rows.len()).is_ok_and(|count| count < wanted);
        if let Some(last) = rows.last() {
            self.place = Some(Cursor::of(last)?);
        }
        Ok(rows)
    }

    async fn gather(
        &mut self,
        client: &mut Reader,
        wanted: i64,
        timeout: Duration,
    ) -> Result<Vec<Row>, QueryError> {
        let question = gather(self.filter, self.columns, self.direction, self.place, wanted);
        let rows = ask(self.store, client, &question, Reading::ByIndex, timeout).await?;
        self.ended = i64::try_from(rows.len()).is_ok_and(|count| count < wanted);
        if let Some(last) = rows.last() {
            self.place = Some(Cursor::of(last)?);
        }
        Ok(rows)
    }
}

/// A slice of rows in the order of time, of which those that fit are told, and the last one in any case.
///
/// The inner `LIMIT` keeps the filter outside, so that no more rows are read whatever PostgreSQL thinks of it, and all is
/// done row by row, so that the outer `LIMIT` ends it early. `sent_at_idx`, or `status_sent_at_idx` for each state.
pub(super) fn walk(
    filter: &Filter,
    columns: Columns,
    direction: Direction,
    place: Option<Cursor>,
    slice_rows: i64,
    wanted: i64,
) -> Question {
    let mut parameters = filter.parameters.clone();
    let bounds = bounds(filter, direction, place, &mut parameters);
    let slice_rows = parameters.add(Parameter::Number(slice_rows));
    let wanted = parameters.add(Parameter::Number(wanted));
    let order = direction.order();
    let mut slice = |status: Option<&str>| {
        let status = status.map(|name| parameters.add(Parameter::Text(name.to_owned())));
        let state = status.map(|status| format!(" AND mail.status = {status}")).unwrap_or_default();
        format!(
            r#"(SELECT * FROM "prefix".phoenix_kit_email_logs AS mail WHERE {bounds}{state} {order} LIMIT {slice_rows})"#
        )
    };
    let slices = match filter.statuses.as_slice() {
        [] => slice(None),
        [status] => slice(Some(status.name())),
        // Each is read from its index, and all of them are merged as far as they are wanted.
        several => {
            let each: Vec<String> = several.iter().map(|status| slice(Some(status.name()))).collect();
            format!("(SELECT * FROM ({}) AS mail {order} LIMIT {slice_rows})", each.join(" UNION ALL "))
        }
    };
    let (columns, row) = (columns.list(), &filter.row);
    let sql = format!(
        "SELECT {columns}, mail.number, ({row}) IS TRUE AS fits
         FROM (SELECT *, row_number() OVER () AS number FROM {slices} AS mail) AS mail
         WHERE ({row}) OR mail.number = {slice_rows}
         LIMIT {wanted}"
    );
    Question { sql, parameters }
}

/// The mails that fit as an index names them, sorted.
///
/// `OFFSET 0` keeps the order out of the inner query, which would else be read by time, row by row, to the end of the
/// table. <https://www.postgresql.org/docs/current/queries-limit.html>
pub(super) fn gather(
    filter: &Filter,
    columns: Columns,
    direction: Direction,
    place: Option<Cursor>,
    wanted: i64,
) -> Question {
    let mut parameters = filter.parameters.clone();
    let condition = whole_condition(filter, &filter.set, direction, place, &mut parameters);
    let wanted = parameters.add(Parameter::Number(wanted));
    let (columns, order) = (columns.list(), direction.order());
    let sql = format!(
        r#"SELECT {columns}
           FROM (
               SELECT mail.uuid, mail.sent_at
               FROM (
                   SELECT mail.uuid, mail.sent_at FROM "prefix".phoenix_kit_email_logs AS mail
                   WHERE {condition}
                   OFFSET 0
               ) AS mail
               {order}
               LIMIT {wanted}
           ) AS page
           JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = page.uuid
           {order}"#
    );
    Question { sql, parameters }
}

/// The same, with the number of all mails that fit wherever the page begins, up to one more than are counted; the page is right
/// only if they are not more. One row with nothing but the number where the page is empty.
pub(super) fn gather_all(
    filter: &Filter,
    columns: Columns,
    direction: Direction,
    place: Option<Cursor>,
    wanted: i64,
) -> Question {
    let mut parameters = filter.parameters.clone();
    let condition = whole_condition(filter, &filter.set, direction, None, &mut parameters);
    let rest = match place {
        Some(place) => behind(direction, place, &mut parameters),
        None => "true".to_owned(),
    };
    let rows_max = i64::try_from(COUNT_MAILS_MAX + 1).unwrap_or(i64::MAX);
    let rows_max = parameters.add(Parameter::Number(rows_max));
    let wanted = parameters.add(Parameter::Number(wanted));
    let (columns, order) = (columns.list(), direction.order());
    let sql = format!(
        r#"WITH fitting AS MATERIALIZED (
               SELECT mail.uuid, mail.sent_at FROM "prefix".phoenix_kit_email_logs AS mail
               WHERE {condition}
               LIMIT {rows_max}
           )
           SELECT {columns}, counted.counted
           FROM (SELECT count(*) AS counted FROM fitting) AS counted
           LEFT JOIN (SELECT mail.uuid FROM fitting AS mail WHERE {rest} {order} LIMIT {wanted}) AS page ON true
           LEFT JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = page.uuid
           {order}"#
    );
    Question { sql, parameters }
}

/// All that must hold of a mail, from a place on.
pub(super) fn whole_condition(
    filter: &Filter,
    row: &str,
    direction: Direction,
    place: Option<Cursor>,
    parameters: &mut Parameters,
) -> String {
    let bounds = bounds(filter, direction, place, parameters);
    if filter.statuses.is_empty() {
        return format!("{bounds} AND {row}");
    }
    let names = filter.statuses.iter().map(|status| status.name().to_owned()).collect();
    let names = parameters.add(Parameter::Texts(names));
    format!("{bounds} AND mail.status = ANY ({names}) AND {row}")
}

/// What no list can show: a time that is none, or beyond those that programs know. An application's row may hold one, and must not take
/// the others away with it.
/// <https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES>
const TELLABLE: &str = "mail.sent_at > '-infinity' AND mail.sent_at < '9999-12-30 00:00:00+00'";

/// The part of time to look at.
fn bounds(
    filter: &Filter,
    direction: Direction,
    place: Option<Cursor>,
    parameters: &mut Parameters,
) -> String {
    let mut bounds = vec![TELLABLE.to_owned()];
    if let Some(from) = filter.from {
        bounds.push(format!("mail.sent_at >= {}", parameters.add(Parameter::Time(from))));
    }
    if let Some(until) = filter.until {
        bounds.push(format!("mail.sent_at < {}", parameters.add(Parameter::Time(until))));
    }
    if let Some(place) = place {
        bounds.push(behind(direction, place, parameters));
    }
    bounds.join(" AND ")
}

/// What comes after a place in the list.
fn behind(direction: Direction, place: Cursor, parameters: &mut Parameters) -> String {
    let sent_at = parameters.add(Parameter::Time(place.sent_at));
    let uuid = parameters.add(Parameter::Uuid(place.uuid));
    let comparison = direction.comparison();
    format!("(mail.sent_at, mail.uuid) {comparison} ({sent_at}, {uuid})")
}

/// What PostgreSQL may read to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Indexes wherever one can be used: what it takes to read the whole table instead is a guess.
    ByIndex,
    /// What seems cheapest.
    Anything,
}

/// Asks with a time limit of its own.
///
/// The limit and the settings hold for one transaction, which ends with the answer; if the caller goes away meanwhile,
/// it is rolled back before the connection is used again. The statement is not prepared by name: no two are alike, and it
/// is to be planned for these very values.
pub(super) async fn ask(
    store: &Store,
    client: &mut Reader,
    question: &Question,
    reading: Reading,
    timeout: Duration,
) -> Result<Vec<Row>, QueryError> {
    let timeout_ms = timeout.max(STATEMENT_TIMEOUT_MIN).as_millis();
    let seqscan = match reading {
        Reading::ByIndex => "off",
        Reading::Anything => "on",
    };
    // Compiling a statement takes longer than running it.
    let settings = format!(
        "SET LOCAL statement_timeout = {timeout_ms}; SET LOCAL enable_seqscan = {seqscan}; SET LOCAL jit = off"
    );
    let sql = render(&question.sql, store.prefix());
    client.query_with(&settings, &sql, &question.parameters.typed()).await
}
