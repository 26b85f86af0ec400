//! Where harm is done, and where readers go: domains, reasons of bounces, links. From sums by days of UTC and quarters of an
//! hour; the parts of quarters at the ends of a period are counted with the question.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Row, types::ToSql};

use super::{
    FiguresError, Period, count,
    kept::Cut,
    quarter::{day_start, next_day, next_quarter, quarter_start},
};
use crate::{Store, ingest::facts::storable, sql::Statement};

/// Rows of each of these lists at most.
pub const WORST_ROWS_MAX: usize = 200;

/// Bounces that are looked at for the reasons of one template's, at most: each is looked up with its mail. At ten million
/// mails ten thousand took 145 ms, and a second where they were not in memory.
pub const TEMPLATE_BOUNCES_MAX: i64 = 10_000;

/// How long after a period its mails may bounce and still be counted among the reasons of a template's bounces: SES gives a
/// mail up within a day, and a server that bounces one later than this hardly ever does.
pub const BOUNCE_LATE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Some recipients' domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainFigures {
    /// What stands behind the `@`, in lower case.
    pub domain: String,
    /// Recipients there to whom mail was sent.
    pub sent: u64,
    /// Those whose server took it.
    pub delivered: u64,
    /// Those that bounced in whichever way.
    pub bounced: u64,
    /// Those who complained.
    pub complained: u64,
}

/// Why mails came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceReason {
    /// `hard`, `soft` or `undetermined`.
    pub kind: Option<String>,
    /// SES's subtype: `General`, `NoEmail`, `MailboxFull`, …
    pub subtype: Option<String>,
    /// The enhanced status code that the server gave: `5.1.1`. <https://www.rfc-editor.org/rfc/rfc3463>
    pub code: Option<String>,
    /// How often a recipient was named with it.
    pub bounces: u64,
}

/// Why mails of a template came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateBounces {
    /// The commonest reasons first.
    pub reasons: Vec<BounceReason>,
    /// Whether there were more bounces than are looked at: [`TEMPLATE_BOUNCES_MAX`], the newest.
    pub is_cut: bool,
}

/// A link and who followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFigures {
    /// Where it leads; none where SES did not say.
    pub link: Option<String>,
    /// Mails of which a person followed it: each once.
    pub mails: u64,
    /// How often people followed it.
    pub clicks: u64,
    /// How often machines did.
    pub machine_clicks: u64,
}

impl Store {
    /// The recipients' domains with the most bounces and complaints, of mails of one template or of all; of equals, by name.
    /// Only those with any.
    ///
    /// # Errors
    ///
    /// When counting takes longer than its time budget, or when the database does not answer.
    pub async fn worst_domains(
        &self,
        period: Period,
        template: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<DomainFigures>, FiguresError> {
        let statement = match template {
            None => Statement::WorstDomains,
            Some(_) => Statement::WorstDomainsOfTemplate,
        };
        self.list_domains(statement, period, template, rows_max).await
    }

    /// The recipients' domains of a template's mails: those of [`worst_domains`](Self::worst_domains), and behind them those
    /// to which most was sent.
    ///
    /// # Errors
    ///
    /// As [`worst_domains`](Self::worst_domains).
    pub async fn template_domains(
        &self,
        template: &str,
        period: Period,
        rows_max: usize,
    ) -> Result<Vec<DomainFigures>, FiguresError> {
        let worst = self.worst_domains(period, Some(template), rows_max).await?;
        if worst.len() >= rows_max.min(WORST_ROWS_MAX) {
            return Ok(worst);
        }
        // All of them have to be added up to tell which of the others are large.
        self.list_domains(Statement::DomainsOfTemplate, period, Some(template), rows_max).await
    }

    async fn list_domains(
        &self,
        statement: Statement,
        period: Period,
        template: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<DomainFigures>, FiguresError> {
        let pieces = Pieces::of(period, Timestamp::now());
        let mut parts: BTreeMap<String, [i32; 4]> = BTreeMap::new();
        for row in self.count_parts(Statement::CountDomains, &pieces, template).await? {
            let sums = parts.entry(row.try_get("domain")?).or_default();
            add(sums, &row, ["sent", "delivered", "bounced", "complained"])?;
        }
        let domains: Vec<&str> = parts.keys().map(String::as_str).collect();
        let [sent, delivered, bounced, complained] = columns(&parts);
        let rows_max = rows_limit(rows_max);
        let template = template.map(storable);
        let mut parameters = pieces.parameters();
        parameters.extend([
            &domains as &(dyn ToSql + Sync),
            &sent,
            &delivered,
            &bounced,
            &complained,
            &rows_max,
        ]);
        parameters.extend(template.as_ref().map(|template| template as &(dyn ToSql + Sync)));
        let client = self.reader().await?;
        let prepared = client.prepare_cached(self.sql(statement)).await?;
        let rows = client.query(&prepared, &parameters).await?;
        let read = |row: &Row| {
            Ok(DomainFigures {
                domain: row.try_get("domain")?,
                sent: count(row, "sent")?,
                delivered: count(row, "delivered")?,
                bounced: count(row, "bounced")?,
                complained: count(row, "complained")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Why mails of a template came back that were sent in a period, the commonest reasons first. Looks at the newest
    /// [`TEMPLATE_BOUNCES_MAX`] bounces of the period and of [`BOUNCE_LATE_MAX`] after it, of all templates.
    ///
    /// # Errors
    ///
    /// As [`worst_domains`](Self::worst_domains).
    pub async fn template_bounce_reasons(
        &self,
        template: &str,
        period: Period,
        rows_max: usize,
    ) -> Result<TemplateBounces, FiguresError> {
        let until = period.to().checked_add(BOUNCE_LATE_MAX).unwrap_or(period.to());
        let (from, to, template, rows_max) =
            (period.from(), period.to(), storable(template), rows_limit(rows_max));
        let client = self.reader().await?;
        let prepared = client.prepare_cached(self.sql(Statement::ListTemplateBounces)).await?;
        let rows = client
            .query(&prepared, &[&from, &to, &template, &until, &TEMPLATE_BOUNCES_MAX, &rows_max])
            .await?;
        let mut bounces = TemplateBounces::default();
        for row in &rows {
            bounces.is_cut = row.try_get::<_, i64>("events")? >= TEMPLATE_BOUNCES_MAX;
            if row.try_get::<_, Option<i64>>("bounces")?.is_some() {
                bounces.reasons.push(bounce_reason(row)?);
            }
        }
        Ok(bounces)
    }

    /// Why mails of a period came back, the commonest reasons first.
    ///
    /// # Errors
    ///
    /// As [`worst_domains`](Self::worst_domains).
    pub async fn bounce_reasons(
        &self,
        period: Period,
        rows_max: usize,
    ) -> Result<Vec<BounceReason>, FiguresError> {
        let pieces = Pieces::of(period, Timestamp::now());
        let (mut kinds, mut subtypes, mut codes, mut bounces) = (vec![], vec![], vec![], vec![]);
        for row in self.count_parts(Statement::CountBounces, &pieces, None).await? {
            kinds.push(row.try_get::<_, Option<String>>("kind")?);
            subtypes.push(row.try_get::<_, Option<String>>("subtype")?);
            codes.push(row.try_get::<_, Option<String>>("code")?);
            bounces.push(row.try_get::<_, i32>("bounces")?);
        }
        let rows_max = rows_limit(rows_max);
        let mut parameters = pieces.parameters();
        parameters.extend([&kinds as &(dyn ToSql + Sync), &subtypes, &codes, &bounces, &rows_max]);
        let client = self.reader().await?;
        let prepared = client.prepare_cached(self.sql(Statement::ListBounces)).await?;
        let rows = client.query(&prepared, &parameters).await?;
        Ok(rows.iter().map(bounce_reason).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// The links that were followed in a template's mails, those that led most mails' readers on first.
    ///
    /// # Errors
    ///
    /// As [`worst_domains`](Self::worst_domains).
    pub async fn links(
        &self,
        template: &str,
        period: Period,
        rows_max: usize,
    ) -> Result<Vec<LinkFigures>, FiguresError> {
        let pieces = Pieces::of(period, Timestamp::now());
        let mut parts: BTreeMap<Option<String>, [i32; 3]> = BTreeMap::new();
        for row in self.count_parts(Statement::CountLinks, &pieces, Some(template)).await? {
            let sums = parts.entry(row.try_get("link")?).or_default();
            add(sums, &row, ["mails", "clicks", "machine_clicks"])?;
        }
        let links: Vec<Option<&str>> = parts.keys().map(Option::as_deref).collect();
        let [mails, clicks, machine_clicks] = columns(&parts);
        let rows_max = rows_limit(rows_max);
        let template = storable(template);
        let mut parameters = pieces.parameters();
        parameters.extend([
            &links as &(dyn ToSql + Sync),
            &mails,
            &clicks,
            &machine_clicks,
            &rows_max,
            &template,
        ]);
        let client = self.reader().await?;
        let prepared = client.prepare_cached(self.sql(Statement::ListLinks)).await?;
        let rows = client.query(&prepared, &parameters).await?;
        let read = |row: &Row| {
            Ok(LinkFigures {
                link: row.try_get("link")?,
                mails: count(row, "mails")?,
                clicks: count(row, "clicks")?,
                machine_clicks: count(row, "machine_clicks")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Counts the parts of quarters at the ends of a period.
    async fn count_parts(
        &self,
        statement: Statement,
        pieces: &Pieces,
        template: Option<&str>,
    ) -> Result<Vec<Row>, FiguresError> {
        let mut counted = Vec::new();
        if pieces.parts.is_empty() {
            return Ok(counted);
        }
        let templates = template.map(|template| vec![storable(template)]);
        let client = self.reader().await?;
        let prepared = client.prepare_cached(self.sql(statement)).await?;
        for part in &pieces.parts {
            counted.extend(client.query(&prepared, &[&part.as_slice(), &templates]).await?);
        }
        Ok(counted)
    }
}

/// What a period is made of.
#[derive(Debug, PartialEq, Eq)]
struct Pieces {
    /// Days of UTC, from the beginning of the first to the end of the last.
    days: [Timestamp; 2],
    /// Stretches of quarters beside them: where each begins, where it ends, and -1 for what is to be taken away.
    edges: (Vec<Timestamp>, Vec<Timestamp>, Vec<i32>),
    /// The parts of quarters at its ends.
    parts: Vec<[Timestamp; 2]>,
}

impl Pieces {
    fn of(period: Period, now: Timestamp) -> Self {
        let cut = Cut::of(&[period.from(), period.to()], now);
        let (from, to) = (next_quarter(period.from()), quarter_start(cut.end()));
        let mut pieces = Self { days: [to, to], edges: Default::default(), parts: cut.parts_between() };
        let (first, last) = (next_day(from), day_start(to));
        if first > last {
            // Within a day, or within a quarter.
            pieces.edge(from, to, 1);
            return pieces;
        }
        pieces.days = [first, last];
        // The rest of a day at each end; or all of that day but for the other part of it, where that has fewer quarters,
        // or no mail yet.
        let (day, next) = (day_start(from), next_day(to));
        if from.duration_since(day) < first.duration_since(from) {
            pieces.days[0] = day;
            pieces.edge(day, from, -1);
        } else {
            pieces.edge(from, first, 1);
        }
        if next.duration_since(to) < to.duration_since(last) || (to > now && to > last) {
            pieces.days[1] = next;
            pieces.edge(to, next, -1);
        } else {
            pieces.edge(last, to, 1);
        }
        pieces
    }

    fn edge(&mut self, from: Timestamp, to: Timestamp, sign: i32) {
        if from < to {
            self.edges.0.push(from);
            self.edges.1.push(to);
            self.edges.2.push(sign);
        }
    }

    /// The first parameters of every statement.
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let (begin, end, sign) = &self.edges;
        let [from, to] = &self.days;
        vec![begin, end, sign, from, to]
    }
}

fn bounce_reason(row: &Row) -> Result<BounceReason, tokio_postgres::Error> {
    Ok(BounceReason {
        kind: row.try_get("kind")?,
        subtype: row.try_get("subtype")?,
        code: row.try_get("code")?,
        bounces: row.try_get::<_, i64>("bounces")?.unsigned_abs(),
    })
}

fn rows_limit(rows_max: usize) -> i64 {
    i64::try_from(rows_max.min(WORST_ROWS_MAX)).unwrap_or(i64::MAX)
}

fn add<const COLUMNS: usize>(
    sums: &mut [i32; COLUMNS],
    row: &Row,
    columns: [&str; COLUMNS],
) -> Result<(), tokio_postgres::Error> {
    for (sum, column) in sums.iter_mut().zip(columns) {
        *sum = sum.saturating_add(row.try_get(column)?);
    }
    Ok(())
}

/// The rows' columns.
fn columns<Key, const COLUMNS: usize>(rows: &BTreeMap<Key, [i32; COLUMNS]>) -> [Vec<i32>; COLUMNS] {
    std::array::from_fn(|column| rows.values().map(|row| row[column]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        format!("2026-09-{text}Z").parse().unwrap()
    }

    #[test]
    fn the_ends_of_a_period_are_days_with_less_or_more() {
        let now = time("20T00:00:00");
        for (from, to, days, edges) in [
            ("01T00:00:00", "03T00:00:00", ["01T00:00:00", "03T00:00:00"], vec![]),
            // More than half of the first day, less of the last.
            (
                "01T10:00:00",
                "03T11:00:00",
                ["01T00:00:00", "03T00:00:00"],
                vec![("01T00:00:00", "01T10:00:00", -1), ("03T00:00:00", "03T11:00:00", 1)],
            ),
            (
                "01T14:00:00",
                "02T13:00:00",
                ["02T00:00:00", "03T00:00:00"],
                vec![("01T14:00:00", "02T00:00:00", 1), ("02T13:00:00", "03T00:00:00", -1)],
            ),
            (
                "01T10:00:00",
                "01T12:00:00",
                ["01T12:00:00", "01T12:00:00"],
                vec![("01T10:00:00", "01T12:00:00", 1)],
            ),
            // Until now.
            ("19T00:00:00", "20T00:00:00", ["19T00:00:00", "20T00:00:00"], vec![]),
        ] {
            let pieces = Pieces::of(Period::new(time(from), time(to)).unwrap(), now);
            assert_eq!(pieces.days, days.map(time), "{from}");
            let (begin, end, sign) = pieces.edges;
            let found: Vec<_> =
                begin.into_iter().zip(end).zip(sign).map(|((begin, end), sign)| (begin, end, sign)).collect();
            let expected: Vec<_> =
                edges.iter().map(|(begin, end, sign)| (time(begin), time(end), *sign)).collect();
            assert_eq!(found, expected, "{from}");
            assert_eq!(pieces.parts, [] as [[Timestamp; 2]; 0]);
        }
        let period = Period::new(time("18T00:00:00"), time("20T10:07:00")).unwrap();
        let until_now = Pieces::of(period, time("20T10:07:00"));
        assert_eq!(until_now.days, [time("18T00:00:00"), time("21T00:00:00")]);
        assert_eq!(until_now.edges, (vec![time("20T10:15:00")], vec![time("21T00:00:00")], vec![-1]));
    }
}
