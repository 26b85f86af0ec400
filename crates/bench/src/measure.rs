//! What is measured, in which order.

use jiff::Timestamp;

use crate::{
    cli::MigrateOptions,
    data::{self, Template},
    machine::{Machine, Postgres},
    product::{Product, Way},
    progress::say,
    report::{Report, RunRecord, Setting},
    run::{self, Figures, Situation},
    server::PrivateServer,
    session::Session,
    writer::Load,
};

/// Every run of `script/bench migrate`. A run that fails is told of in the report; only what stops all is an error.
pub(crate) async fn migrate(
    options: &MigrateOptions,
    product: &Product,
    server: &PrivateServer,
) -> anyhow::Result<Report> {
    let began_at = Timestamp::now();
    let machine = Machine::read();
    let postgres = Postgres::read(&*Session::open(&server.maintenance_address(), "bench").await?).await?;
    let aftersend = product.version().await?;

    let mails = data::generate_mails(server, product, options.mails).await?;
    let bench = Bench { options, product, server };
    let load = Load { writes_per_second: options.writes_per_second, duplicates_per_second: 0 };
    let mut writer_alone = None;
    if !options.alone_seconds.is_zero() {
        say("measuring the writer alone");
        let figures =
            run::write_alone(server, &mails, load, options.lead_seconds, options.alone_seconds).await?;
        writer_alone = Some(figures);
    }

    let mut runs = bench.both_ways("quiet", &mails, Situation::Quiet).await;
    runs.extend(bench.both_ways("writer", &mails, Situation::Writer(load)).await);
    if options.duplicates_per_second > 0 {
        let load = Load { duplicates_per_second: options.duplicates_per_second, ..load };
        runs.extend(bench.both_ways("duplicates", &mails, Situation::Writer(load)).await);
    }
    let opens: Vec<u32> =
        [1, 10].map(|times| options.opens * times).into_iter().filter(|opens| *opens > 0).collect();
    for opens in &opens {
        let template = data::generate_opens(server, product, *opens).await?;
        runs.extend(bench.both_ways(&Report::opens_situation(*opens), &template, Situation::Quiet).await);
    }
    let setting = Setting { began_at, machine, postgres, aftersend, sizes: mails };
    Ok(Report::new(options, setting, &opens, writer_alone, runs))
}

struct Bench<'a> {
    options: &'a MigrateOptions,
    product: &'a Product,
    server: &'a PrivateServer,
}

impl Bench<'_> {
    /// Both ways in turn, so that what changes on the machine meanwhile meets both.
    async fn both_ways(
        &self,
        situation_name: &str,
        template: &Template,
        situation: Situation,
    ) -> Vec<RunRecord> {
        let mut records = Vec::new();
        for round in 1..=self.options.runs {
            for way in Way::BOTH {
                let result = run::migrate(
                    self.server,
                    self.product,
                    template,
                    way,
                    situation,
                    self.options.lead_seconds,
                )
                .await;
                let heading =
                    format!("{situation_name}, round {round} of {}, {}", self.options.runs, way.name());
                say(format!("{heading}: {}", in_a_line(&result)));
                records.push(RunRecord::new(situation_name, round, way, result));
            }
        }
        records
    }
}

fn in_a_line(result: &anyhow::Result<Figures>) -> String {
    match result {
        Ok(Figures { seconds, writer: None, .. }) => format!("{seconds:.3} s"),
        Ok(Figures { seconds, writer: Some(writer), .. }) => format!(
            "{seconds:.3} s; longest lock wait {:.0} ms, longest write {:.0} ms, {} written, {} refused, {} failed",
            writer.lock_wait_max_ms,
            writer.write_max_ms,
            writer.writes_done,
            writer.writes_refused,
            writer.writes_failed.values().sum::<usize>(),
        ),
        Err(error) => format!("failed: {error:#}"),
    }
}
