//! Bodies of older mails: what they take, how fast they are compressed, how long others wait, and how fast they are read.

mod bodies;
mod data;
mod run;

use std::env;

use jiff::Timestamp;
use serde::Serialize;

pub(crate) use data::bytes_needed;
use data::{Keeping, Mails};

use crate::{
    cli::ArchiveOptions,
    clone::on_clone,
    machine::{self, Machine, Postgres},
    product::Product,
    progress::say,
    server::PrivateServer,
    session::Session,
    statistics::rounded,
};

/// Bytes by the ways of keeping bodies.
#[derive(Debug, Serialize)]
struct Bytes {
    raw: f64,
    aftersend: f64,
    zstd: f64,
    base64_gzip: f64,
}

/// What `script/bench archive` puts on its last line.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    command: String,
    began_at: String,
    took_seconds: f64,
    program: String,
    machine: Machine,
    load_average_after: Option<f64>,
    postgres: Postgres,
    mails: u32,
    templates: u32,
    /// The mean length of a body.
    body_bytes: f64,
    /// What all tables, TOAST, indexes and dictionaries take beyond what the same mails take without bodies.
    bytes_per_body: Bytes,
    /// What they take with the mails and their indexes.
    bytes_per_mail: Bytes,
    aftersend_to_zstd: f64,
    aftersend_to_base64_gzip: f64,
    bodies_per_second: f64,
    /// The same rows changed by a statement for as many at a time, and nothing else done.
    plain_updates_per_second: f64,
    dictionaries: u64,
    read: run::Read,
    writer: run::Waits,
}

/// The whole bench.
pub(crate) async fn measure(
    options: &ArchiveOptions,
    product: &Product,
    server: &PrivateServer,
) -> anyhow::Result<Report> {
    let began_at = Timestamp::now();
    let machine = Machine::read();
    let postgres = Postgres::read(&*Session::open(&server.maintenance_address(), "bench").await?).await?;
    let program = product.version().await?;
    let mails = || Mails::new(options.mails, began_at);
    let count = f64::from(options.mails);

    let mut sizes = Vec::new();
    for keeping in [Keeping::None, Keeping::Zstd, Keeping::Base64Gzip] {
        data::make(product, server, keeping, mails()).await?;
        sizes.push(data::size_when_full(&server.address(keeping.database())).await?);
        let maintenance = Session::open(&server.maintenance_address(), "bench").await?;
        maintenance.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", keeping.database())).await?;
    }
    let raw = Keeping::Raw.database();
    data::make(product, server, Keeping::Raw, mails()).await?;
    let raw_bytes = on_clone(server, raw, data::size_when_full).await?;
    let plain_updates_per_second =
        on_clone(server, raw, async |address| run::plain_updates(address, options.mails).await).await?;
    say(format!("{plain_updates_per_second:.0} plain updates per second"));
    let compressed = on_clone(server, raw, async |address| {
        let (took, said) = product.compress(address).await?;
        run::require_done(&said, options.mails)?;
        let read = run::read(address, mails(), options).await?;
        let dictionaries = said["dictionaries"].as_u64().unwrap_or(0);
        Ok((took, dictionaries, read, data::size_when_full(address).await?))
    });
    let (took, dictionaries, read, aftersend_bytes) = compressed.await?;
    let bodies_per_second = count / took.as_secs_f64();
    say(format!("{bodies_per_second:.0} bodies per second; {read:?}"));
    let writer =
        on_clone(server, raw, async |address| run::beside_writer(address, product, mails(), options).await)
            .await?;

    #[expect(clippy::cast_precision_loss, reason = "bytes per mail are shown to thousandths")]
    let per_mail = |bytes: i64| bytes as f64 / count;
    let of_mails = per_mail(sizes[0]);
    let bytes = |beyond: f64| Bytes {
        raw: rounded(per_mail(raw_bytes) - beyond),
        aftersend: rounded(per_mail(aftersend_bytes) - beyond),
        zstd: rounded(per_mail(sizes[1]) - beyond),
        base64_gzip: rounded(per_mail(sizes[2]) - beyond),
    };
    let bytes_per_body = bytes(of_mails);
    Ok(Report {
        bench: "archive",
        command: env::args().skip(1).fold("script/bench".to_owned(), |line, word| line + " " + &word),
        began_at: began_at.to_string(),
        took_seconds: rounded(Timestamp::now().duration_since(began_at).as_secs_f64()),
        program,
        machine,
        load_average_after: machine::load_average(),
        postgres,
        mails: options.mails,
        templates: bodies::TEMPLATES,
        body_bytes: rounded(read.body_bytes),
        aftersend_to_zstd: rounded(bytes_per_body.aftersend / bytes_per_body.zstd),
        aftersend_to_base64_gzip: rounded(bytes_per_body.aftersend / bytes_per_body.base64_gzip),
        bytes_per_body,
        bytes_per_mail: bytes(0.0),
        bodies_per_second: rounded(bodies_per_second),
        plain_updates_per_second: rounded(plain_updates_per_second),
        dictionaries,
        read,
        writer,
    })
}
