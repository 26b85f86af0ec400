//! Databases with the same mails, whose bodies are kept in different ways.

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fastrand::Rng;
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use uuid::Uuid;

use super::bodies::{TEMPLATES, Template};
use crate::{
    cli::ArchiveOptions, disk::BYTES_OF_SERVER, product::Product, progress::say, server::PrivateServer,
    session::Session,
};

const MAILS: &str = include_str!("../sql/archive/mails.sql");
const ZSTD: &str = include_str!("../sql/archive/zstd.sql");
const SIZES: &str = include_str!("../sql/archive/sizes.sql");

/// Mails that are written at once.
const BATCH_MAILS: usize = 500;

/// The youngest mail is older than the program's default for compressing.
const YOUNGEST: Duration = Duration::from_hours(31 * 24);

/// From the oldest to the youngest.
const SPAN: Duration = Duration::from_hours(90 * 24);

/// With clones and what is written on the way, about.
const BYTES_PER_MAIL: u64 = 25_000;

/// The level that the tool `zstd` has as its default.
const ZSTD_LEVEL: i32 = 3;

/// Room on the disk that a bench takes.
pub(crate) fn bytes_needed(options: &ArchiveOptions) -> u64 {
    u64::from(options.mails) * BYTES_PER_MAIL + BYTES_OF_SERVER
}

/// How bodies are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Not at all: what the mails take by themselves.
    None,
    /// As the application wrote them: PostgreSQL compresses long ones by itself.
    Raw,
    /// Zstd without a dictionary.
    Zstd,
    /// Gzip in base64, as `PhoenixKit` does it.
    Base64Gzip,
}

impl Keeping {
    pub(super) const fn database(self) -> &'static str {
        match self {
            Self::None => "archive_none",
            Self::Raw => "archive_raw",
            Self::Zstd => "archive_zstd",
            Self::Base64Gzip => "archive_base64_gzip",
        }
    }
}

/// A mail of the bench.
pub(super) struct Mail {
    pub(super) uuid: Uuid,
    recipient: String,
    template: String,
    sent_at_s: f64,
    pub(super) body: String,
}

/// The mails in the order of sending, the same each time for one beginning.
pub(super) struct Mails {
    templates: Vec<Template>,
    random: Rng,
    began_at: Timestamp,
    count: u32,
    next: u32,
}

impl Mails {
    pub(super) fn new(count: u32, began_at: Timestamp) -> Self {
        let templates = (0..TEMPLATES).map(Template::new).collect();
        Self { templates, random: Rng::with_seed(137), began_at, count, next: 0 }
    }
}

impl Iterator for Mails {
    type Item = Mail;

    fn next(&mut self) -> Option<Mail> {
        if self.next == self.count {
            return None;
        }
        let share = f64::from(self.next) / f64::from(self.count);
        self.next += 1;
        let random = &mut self.random;
        // Some templates are sent much more often than others.
        let template =
            &self.templates[random.usize(..self.templates.len()).min(random.usize(..self.templates.len()))];
        let sent_at = self.began_at - YOUNGEST - SPAN.mul_f64(1.0 - share);
        let sent_at_ms = u64::try_from(sent_at.as_millisecond()).unwrap_or(0);
        // As ids made when the mail was sent.
        let uuid = uuid::Builder::from_unix_timestamp_millis(
            sent_at_ms,
            &random.u128(..).to_be_bytes()[..10].try_into().ok()?,
        )
        .into_uuid();
        Some(Mail {
            uuid,
            recipient: format!("person-{}@mail-{}.example", random.u32(..200_000), random.u8(..40)),
            template: template.name.clone(),
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
            sent_at_s: sent_at_ms as f64 / 1000.0,
            body: template.body(random),
        })
    }
}

/// Makes a database with the mails, vacuumed and analysed.
pub(super) async fn make(
    product: &Product,
    server: &PrivateServer,
    keeping: Keeping,
    mails: Mails,
) -> anyhow::Result<()> {
    let name = keeping.database();
    say(format!("writing {} mails into {name}", mails.count));
    let maintenance = Session::open(&server.maintenance_address(), "bench").await?;
    maintenance.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    let address = server.address(name);
    product.bring_up_to_date(&address).await?;
    let session = Session::open(&address, "bench").await?;
    session.batch_execute("SET synchronous_commit = off").await?;
    if keeping == Keeping::Zstd {
        let add = "ALTER TABLE phoenix_kit_email_logs ADD COLUMN bench_body bytea; \
                   ALTER TABLE phoenix_kit_email_logs ALTER COLUMN bench_body SET STORAGE EXTERNAL";
        session.batch_execute(add).await?;
    }
    let mut batch = Vec::new();
    for mail in mails {
        batch.push(mail);
        if batch.len() == BATCH_MAILS {
            write(&session, keeping, &batch).await?;
            batch.clear();
        }
    }
    write(&session, keeping, &batch).await?;
    session.batch_execute("VACUUM (ANALYZE)").await?;
    Ok(())
}

async fn write(session: &Session, keeping: Keeping, mails: &[Mail]) -> anyhow::Result<()> {
    let uuids: Vec<Uuid> = mails.iter().map(|mail| mail.uuid).collect();
    let recipients: Vec<&str> = mails.iter().map(|mail| mail.recipient.as_str()).collect();
    let templates: Vec<&str> = mails.iter().map(|mail| mail.template.as_str()).collect();
    let sent_at: Vec<f64> = mails.iter().map(|mail| mail.sent_at_s).collect();
    let bodies: Vec<Option<String>> = mails
        .iter()
        .map(|mail| match keeping {
            Keeping::None | Keeping::Zstd => Ok(None),
            Keeping::Raw => Ok(Some(mail.body.clone())),
            Keeping::Base64Gzip => base64_gzip(&mail.body).map(Some),
        })
        .collect::<anyhow::Result<_>>()?;
    let is_compressed = keeping != Keeping::Raw;
    session
        .execute(MAILS, &[&uuids, &recipients, &templates, &sent_at, &bodies, &is_compressed])
        .await
        .context("writing mails")?;
    if keeping == Keeping::Zstd {
        let compress = |mail: &Mail| zstd::bulk::compress(mail.body.as_bytes(), ZSTD_LEVEL);
        let bodies: Vec<Vec<u8>> = mails.iter().map(compress).collect::<Result<_, _>>()?;
        session.execute(ZSTD, &[&uuids, &bodies]).await.context("writing bodies")?;
    }
    Ok(())
}

fn base64_gzip(body: &str) -> anyhow::Result<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.as_bytes())?;
    Ok(STANDARD.encode(encoder.finish()?))
}

/// What all tables take once nothing in them is loose.
pub(super) async fn size_when_full(address: &str) -> anyhow::Result<i64> {
    let session = Session::open(address, "bench").await?;
    session.batch_execute("VACUUM FULL").await?;
    Ok(session.query_one(SIZES, &[]).await?.get(0))
}
