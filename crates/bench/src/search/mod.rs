//! The site's pages on many mails, against plain queries for the same, and an export.

mod cases;
mod data;
mod kept;
mod run;
mod site;

use std::{collections::BTreeMap, env};

use jiff::Timestamp;
use serde::Serialize;

use data::Sizes;
pub(crate) use data::bytes_needed;
pub(crate) use kept::{Kept, Note};
use run::{Export, Pages, Plain};
use site::Site;

use crate::{
    cli::SearchOptions,
    machine::{self, Machine, Postgres},
    product::Product,
    progress::say,
    server::PrivateServer,
    session::Session,
    statistics::rounded,
};

/// A figure, or why there is none.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome<T> {
    Figures(T),
    Failure { error: String },
}

impl<T> From<anyhow::Result<T>> for Outcome<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        match result {
            Ok(figures) => Self::Figures(figures),
            Err(error) => Self::Failure { error: format!("{error:#}") },
        }
    }
}

/// A page, and the plain query for the same.
#[derive(Debug, Serialize)]
struct CaseFigures {
    #[serde(flatten)]
    pages: Pages,
    #[serde(flatten)]
    plain: Plain,
}

/// What `script/bench search` puts on its last line.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    command: String,
    began_at: String,
    took_seconds: f64,
    program: String,
    /// How this program was built, with the site in it.
    profile: &'static str,
    machine: Machine,
    /// Just after the last case.
    load_average_after: Option<f64>,
    postgres: Postgres,
    sizes: Sizes,
    #[serde(flatten)]
    cases: BTreeMap<&'static str, Outcome<CaseFigures>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<Outcome<Export>>,
}

impl Report {
    /// How many cases have no figures, or requests that failed.
    pub(crate) fn failed_cases(&self) -> usize {
        let failed = |case: &&Outcome<CaseFigures>| match case {
            Outcome::Figures(figures) => figures.pages.failed() > 0,
            Outcome::Failure { .. } => true,
        };
        let export_failed = matches!(self.export, Some(Outcome::Failure { .. }));
        self.cases.values().filter(failed).count() + usize::from(export_failed)
    }
}

/// Every case of `script/bench search`. A case that fails is told of in the report; only what stops all is an error.
pub(crate) async fn measure(
    options: &SearchOptions,
    product: &Product,
    server: &PrivateServer,
    found: Option<Note>,
) -> anyhow::Result<Report> {
    let began_at = Timestamp::now();
    let machine = Machine::read();
    let postgres = Postgres::read(&*Session::open(&server.maintenance_address(), "bench").await?).await?;
    let program = product.version().await?;
    let sizes = data::prepare(options, product, server, found).await?;

    let address = server.address(data::NAME);
    let session = Session::open(&address, "bench plain").await?;
    let site = Site::start(&address).await?;
    let mut cases = BTreeMap::new();
    for case in cases::all(&session, sizes.mails, options.requests).await? {
        let figures = async {
            let pages = run::pages(&site, &case, options.requests as usize).await?;
            let plain = run::plain(&session, &case, options.plain_runs as usize).await?;
            Ok(CaseFigures { pages, plain })
        };
        let outcome = Outcome::from(figures.await);
        say(format!("{}: {}", case.name, serde_json::to_string(&outcome)?));
        cases.insert(case.name, outcome);
    }
    let mut exported = None;
    if options.export_mails > 0 {
        let mails = options.export_mails.min(sizes.mails);
        let outcome = Outcome::from(run::export(&site, mails.into()).await);
        say(format!("export: {}", serde_json::to_string(&outcome)?));
        exported = Some(outcome);
    }
    site.stop().await?;
    Ok(Report {
        bench: "search",
        command: env::args().skip(1).fold("script/bench".to_owned(), |line, word| line + " " + &word),
        began_at: began_at.to_string(),
        took_seconds: rounded(Timestamp::now().duration_since(began_at).as_secs_f64()),
        program,
        profile: if cfg!(debug_assertions) { "dev" } else { "release" },
        machine,
        load_average_after: machine::load_average(),
        postgres,
        sizes,
        cases,
        export: exported,
    })
}
