//! The words of the command line. The comments of fields and variants are the help that people read.
#![expect(clippy::doc_markdown, reason = "a terminal shows back ticks and angle brackets as they are")]

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use aftersend_event::Status;
use aftersend_ingest::{POLLERS_MAX, QueueOptions, QueueOptionsError, TopicArn, VISIBILITY_TIMEOUT_S_MAX};
use aftersend_store::{
    Cursor, Prefix,
    schema::{Limits, Step, Target},
    search::ExportFormat,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::{Span, SpanRelativeTo};

use crate::config::Flags;

mod archive;
mod erase;
mod figures;
mod log;
mod quarantine;
pub(crate) use archive::{ArchiveCommand, CompressArgs, PlaceArgs, RestoreArgs, RunArgs};
pub(crate) use erase::EraseArgs;
pub(crate) use figures::FiguresCommand;
pub(crate) use log::LogArgs;
pub(crate) use quarantine::{QuarantineCommand, QuarantineSelection};

/// What became of the mail we sent through Amazon SES?
#[derive(Debug, Parser)]
#[command(
    name = "aftersend",
    disable_version_flag = true,
    after_help = "Without a database URL, Aftersend runs a private PostgreSQL of its own and brings its schema up to date."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command takes, before its name or after.
#[derive(Debug, Args)]
#[command(next_help_heading = "For every command")]
pub(crate) struct Global {
    /// The configuration file
    /// [default: ./aftersend.toml, ~/.config/aftersend/aftersend.toml or /etc/aftersend/aftersend.toml, the first that
    /// is there] [env: AFTERSEND_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The PostgreSQL database to use: postgres://user:password@host:5432/database?sslmode=require
    /// [default: $DATABASE_URL, else the embedded server] [env: AFTERSEND_DATABASE_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The Postgres schema that holds the tables [default: public] [env: AFTERSEND_PREFIX]
    #[arg(long, global = true, value_name = "SCHEMA")]
    pub(crate) prefix: Option<Prefix>,
    /// The folder of the embedded server, not with --database-url
    /// [default: /var/lib/aftersend as root, else $XDG_DATA_HOME/aftersend or ~/.local/share/aftersend]
    /// [env: AFTERSEND_DATA_DIR]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Answer in JSON, for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the version
    #[arg(long, short = 'V', global = true)]
    pub(crate) version: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Stream made-up SES traffic through the real pipeline, check the result, and show it
    Demo(DemoArgs),
    /// Serve the site on this machine, and take events in from the queues of the configuration
    Serve(ServeArgs),
    /// Move the database's schema along its steps: 136, 137, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Take events in
    #[command(subcommand)]
    Ingest(IngestCommand),
    /// Record mails that an application sends, with template, campaign, tags, headers and body, before SES has accepted them
    /// or after: JSON on standard input, one object or one to a line. Logging a mail again adds what is new; one without a
    /// `message_id` and an `aws_message_id` is a new mail each time
    Log(LogArgs),
    /// Look at messages that could not be read or stored, read them anew, or drop them
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Look after the sums that the site's figures are made of
    #[command(subcommand)]
    Figures(FiguresCommand),
    /// Keep the database small over the years: compress bodies of older mails, write old mails to an archive and bring them
    /// back, delete what is old
    #[command(subcommand)]
    Archive(ArchiveCommand),
    /// Erase a person: everything that names an address goes for good, what counts stays, and nothing that comes late
    /// brings it back
    Erase(EraseArgs),
    /// List mails, newest first, by words such as jane, status:delivered or after:7d
    Search(SearchArgs),
    /// Tell the story of one mail
    Show(ShowArgs),
    /// Look at the configuration, the database and the queues, and say what is wrong and how to mend it; changes nothing,
    /// and exits with 1 where something is wrong
    Doctor(DoctorArgs),
    /// Say what holds: flags, variables, the configuration file and defaults
    #[command(subcommand)]
    Config(ConfigCommand),
}

impl Command {
    /// Whether it only has to do with what is there, and has no use for a database that it would have to make.
    pub(crate) const fn only_looks(&self) -> bool {
        match self {
            Self::Search(_)
            | Self::Show(_)
            | Self::Quarantine(_)
            | Self::Figures(_)
            | Self::Erase(_)
            | Self::Doctor(_)
            | Self::Config(_) => true,
            // Mails come back into a new database, too.
            Self::Archive(command) => !matches!(command, ArchiveCommand::Restore(_)),
            Self::Demo(_) | Self::Serve(_) | Self::Migrate(_) | Self::Ingest(_) | Self::Log(_) => false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Do not serve the site: stream, check and end
    #[arg(long)]
    pub(crate) once: bool,
    /// Make one row wrong before the check, to show that the check can fail
    #[arg(long = "break", requires = "once")]
    pub(crate) breaking: bool,
    /// How many mails to make up
    #[arg(long, default_value_t = 400, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) mails: u32,
    /// Which traffic to make up: the same number gives the same
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) site: SiteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    #[command(flatten)]
    pub(crate) queues: QueueArgs,
    #[command(flatten)]
    pub(crate) unknown_mails: UnknownMailsArgs,
    #[command(flatten)]
    pub(crate) hooks: Box<HooksArgs>,
    /// Only the site: take no events in
    #[arg(long, conflicts_with_all = ["queue", "queue_url", "endpoint_url", "region", "profile", "pollers", "visibility_timeout", "hooks_listen"])]
    pub(crate) no_ingest: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) queues: QueueArgs,
    /// Also receive one message of each queue, to prove that it can be received. It is visible again at once; the
    /// receive counts, and the queue's redrive policy may move the message for it
    #[arg(long)]
    pub(crate) receive: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SiteArgs {
    /// The address to listen on, on this machine only [default: 127.0.0.1:4100] [env: AFTERSEND_LISTEN]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub(crate) listen: Option<SocketAddr>,
}

/// Which queues, and how to reach them.
#[derive(Clone, Debug, Args)]
pub(crate) struct QueueArgs {
    /// Only this queue of the configuration file [default: all of them]
    #[arg(long, value_name = "NAME", conflicts_with = "queue_url")]
    pub(crate) queue: Option<String>,
    /// This queue alone, whatever the configuration file names [env: AFTERSEND_QUEUE_URL]
    #[arg(long, value_name = "URL", value_parser = queue_url)]
    pub(crate) queue_url: Option<String>,
    /// Where the service answers, if not at AWS [env: AFTERSEND_ENDPOINT_URL]
    #[arg(long, value_name = "URL", value_parser = endpoint_url)]
    pub(crate) endpoint_url: Option<String>,
    /// The region, if the queue's URL does not tell [env: AFTERSEND_REGION]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The profile of ~/.aws/config and ~/.aws/credentials to use [env: AFTERSEND_PROFILE]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// How many pollers of each queue receive, store and delete at once; more programs may do so, too [default: 3]
    /// [env: AFTERSEND_POLLERS]
    #[arg(long, value_name = "N", value_parser = pollers)]
    pub(crate) pollers: Option<NonZeroUsize>,
    /// For how long a received message is hidden from other pollers, and again each time that it waits for the
    /// database, such as 90s or 5m [default: the queue's own visibility timeout] [env: AFTERSEND_VISIBILITY_TIMEOUT]
    #[arg(long, value_name = "TIME", value_parser = visibility_timeout)]
    pub(crate) visibility_timeout: Option<u32>,
}

/// What becomes of events whose mail nobody knows.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct UnknownMailsArgs {
    /// What to do with events of mails that nobody knows: create makes the mail, park keeps them until an application
    /// logs it, auto parks in tables that an application made and creates in those of Aftersend's own [default: auto]
    /// [env: AFTERSEND_UNKNOWN_MAILS]
    #[arg(long, value_name = "RULE")]
    pub(crate) unknown_mails: Option<UnknownMailsRule>,
    /// How long parked events wait before their mail is made after all, such as 90s, 30m or 2d [default: 1h]
    /// [env: AFTERSEND_PARK_FOR]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) park_for: Option<Duration>,
}

/// Where a program without a site is watched.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MetricsArgs {
    /// Answer /metrics, /healthz and /readyz on this address, on this machine only [default: nowhere]
    /// [env: AFTERSEND_METRICS_LISTEN]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = metrics_address)]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

/// As [`UnknownMails`](aftersend_store::UnknownMails) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UnknownMailsRule {
    Auto,
    Create,
    Park,
}

impl UnknownMailsRule {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Create => "create",
            Self::Park => "park",
        }
    }
}

/// The listener that SNS posts to.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Events that SNS posts")]
pub(crate) struct HooksArgs {
    /// Take events that SNS posts to /hooks/sns on this address, which may be any: in plain HTTP, for a proxy that has
    /// the public name's certificate [env: AFTERSEND_HOOKS_LISTEN]
    #[arg(id = "hooks_listen", long = "hooks-listen", value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// A topic whose messages are taken, by its full name; once for each topic [env: AFTERSEND_HOOKS_TOPICS]
    #[arg(id = "hooks_topic", long = "hooks-topic", value_name = "ARN")]
    pub(crate) topics: Vec<TopicArn>,
    /// The password that the subscription's address carries, asked of every request; raw delivery needs one. Better
    /// by the variable, since other users can see a program's arguments [env: AFTERSEND_HOOKS_SECRET]
    #[arg(id = "hooks_secret", long = "hooks-secret", value_name = "SECRET")]
    // Not parsed here: a wrong value would be shown.
    pub(crate) secret: Option<String>,
    /// Take signatures of version 2 (SHA-256) alone, and none of version 1 (SHA-1) [default: false]
    /// [env: AFTERSEND_HOOKS_SIGNATURE_2_ONLY]
    #[arg(id = "hooks_signature_2_only", long = "hooks-signature-2-only")]
    pub(crate) signature_2_only: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its value and where that came from, secrets masked
    Show {
        #[command(flatten)]
        site: SiteArgs,
        #[command(flatten)]
        queues: Box<QueueArgs>,
        #[command(flatten)]
        unknown_mails: UnknownMailsArgs,
        #[command(flatten)]
        metrics: MetricsArgs,
        #[command(flatten)]
        hooks: Box<HooksArgs>,
    },
    /// Say whether everything in the configuration can be used, and exit with 2 where it can't
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Take the schema up
    Up {
        /// The last step to take: 136, 137, a1, a2, a3, a4, a5, a6, a7, a8, a9 or a10
        #[arg(long, default_value_t = Step::LATEST, value_name = "STEP", value_parser = step)]
        to: Step,
        /// Take each step in one transaction, which keeps writers out until it is done: quicker on small databases
        #[arg(long)]
        in_transaction: bool,
        /// Change nothing, and print what would be done, as `migrate plan` does
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Print what `migrate up` would do to this database: each statement, its locks, what it touches, and what stands
    /// in the way; exit with 1 where something does
    Plan {
        /// The last step to take: 136, 137, a1, a2, a3, a4, a5, a6, a7, a8, a9 or a10
        #[arg(long, default_value_t = Step::LATEST, value_name = "STEP", value_parser = step)]
        to: Step,
        /// Of the way in one transaction, which keeps writers out until it is done
        #[arg(long)]
        in_transaction: bool,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Take the schema down, by one step unless told otherwise
    Down {
        /// The step to come down to, which stays: a2, a1, 137, 136, or 0 for none
        #[arg(long, value_name = "STEP", value_parser = target)]
        to: Option<Target>,
        /// Lose rows that only Aftersend's own tables hold
        #[arg(long)]
        discard_own_data: bool,
        /// Lose all mails and events, going below 136
        #[arg(long)]
        drop_data: bool,
        /// Put back the duplicate events that step 137 removed, going to 136
        #[arg(long)]
        restore_removed: bool,
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Say where the schema stands
    Status,
    /// Compare the tables with what they should be, and exit with 1 where they differ; changes nothing
    Verify,
}

/// What moving the schema may cost others, and how long it may take.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LimitArgs {
    /// How long a statement that keeps writers waiting may itself wait for its lock, in milliseconds; then it gives
    /// way and is tried again
    #[arg(long, default_value_t = 50, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    lock_timeout: u32,
    /// How long to wait for other transactions, in seconds, before giving up
    #[arg(long, default_value_t = 900, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=604_800))]
    wait_budget: u32,
}

impl From<LimitArgs> for Limits {
    fn from(arguments: LimitArgs) -> Self {
        Self {
            lock_timeout: Duration::from_millis(arguments.lock_timeout.into()),
            wait_budget: Duration::from_secs(arguments.wait_budget.into()),
            ..Self::default()
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum IngestCommand {
    /// From a file with one JSON document or many: SES events, SNS or EventBridge envelopes
    File {
        /// The file; - for standard input
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// Exit with 1 when a message went into quarantine
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        unknown_mails: UnknownMailsArgs,
    },
    /// From SQS: all queues of the configuration file at once, or one
    Sqs {
        #[command(flatten)]
        queues: QueueArgs,
        #[command(flatten)]
        unknown_mails: UnknownMailsArgs,
        #[command(flatten)]
        metrics: MetricsArgs,
        /// End when two long polls of each poller brought nothing
        #[arg(long)]
        drain: bool,
        /// Exit with 1 when a message went into quarantine
        #[arg(long)]
        strict: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// What to look for; all mails without it. Words are parts of the recipient, the subject or the campaign, a whole
    /// address of any recipient or a whole id; to: from: subject: campaign: template: domain: id: status: tag: before:
    /// after: event: bounce: say what is meant, and a dash in front the opposite (behind a -- where it comes first). A
    /// phrase has quotation marks inside the shell's own: 'subject:"summer sale" after:7d'
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// Only mails in this state: queued, sent, delayed, delivered, opened, clicked, bounced, soft_bounced,
    /// hard_bounced, failed, rejected or complaint
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Option<Status>,
    /// How many mails to list
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
    /// The mail that was sent first stands first
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// Go on behind this place, as the list before has named it
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<Cursor>,
    /// Only say how many there are: exactly up to 10,000, else about
    #[arg(long, conflicts_with_all = ["from", "oldest_first", "format"])]
    pub(crate) count: bool,
    /// Write all mails that fit, however many, for a file: csv or ndjson
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["from", "limit"])]
    pub(crate) format: Option<ExportFormat>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Aftersend's uuid or its beginning, the application's message id, or the id that SES gave the mail
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

fn step(text: &str) -> Result<Step, String> {
    text.parse().map_err(|_| format!("the steps are {}", Step::names()))
}

fn target(text: &str) -> Result<Target, String> {
    if text == "0" {
        return Ok(Target::Nothing);
    }
    text.parse().map(Target::Step).map_err(|_| format!("the steps are {}, or 0 for none", Step::names()))
}

fn status(text: &str) -> Result<Status, String> {
    Status::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.into_iter().map(Status::name).collect();
        format!("there is no such status; there are {}", names.join(", "))
    })
}

pub(crate) fn pollers(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|pollers: &NonZeroUsize| pollers.get() <= POLLERS_MAX)
        .ok_or_else(|| format!("a queue has from 1 to {POLLERS_MAX} pollers"))
}

/// A visibility timeout in seconds.
pub(crate) fn visibility_timeout(text: &str) -> Result<u32, String> {
    let timeout = duration(text)?;
    let timeout_s = u32::try_from(timeout.as_secs()).ok().filter(|_| timeout.subsec_nanos() == 0);
    timeout_s.filter(|timeout_s| (1..=VISIBILITY_TIMEOUT_S_MAX).contains(timeout_s)).ok_or_else(|| {
        format!("a visibility timeout has whole seconds, from 1 to {VISIBILITY_TIMEOUT_S_MAX}")
    })
}

/// A length of time as people write it.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let what = || format!("`{text}` is no length of time; it looks like 30s, 5m, 1h 30m or 2d");
    let span: Span = text.trim().parse().map_err(|_| what())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| what())?;
    Duration::try_from(duration).map_err(|_| what())
}

pub(crate) fn queue_url(text: &str) -> Result<String, QueueOptionsError> {
    let options = QueueOptions { queue_url: text.to_owned(), ..QueueOptions::default() };
    options.check()?;
    Ok(options.queue_url)
}

pub(crate) fn endpoint_url(text: &str) -> Result<String, QueueOptionsError> {
    QueueOptions::check_endpoint_url(text)?;
    Ok(text.to_owned())
}

/// The site shows everybody's mail and asks nobody who they are.
pub(crate) fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address looks like 127.0.0.1:4100 or [::1]:4100".to_owned())?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("the site has no log-in yet, so it listens on this machine only: 127.0.0.1 or [::1]. From elsewhere, use a \
         tunnel: ssh -L 4100:127.0.0.1:4100 this-machine"
        .to_owned())
}

/// The program that it is about may know queues' names, and asks nobody who they are.
pub(crate) fn metrics_address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address looks like 127.0.0.1:4102 or [::1]:4102".to_owned())?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("metrics are served on this machine only: 127.0.0.1 or [::1]; Prometheus's agent or a proxy takes them further"
        .to_owned())
}

impl Cli {
    /// What of the command line is a setting.
    pub(crate) fn flags(&self) -> Flags {
        let Global { config, database_url, prefix, data_dir, .. } = &self.global;
        let mut flags = Flags {
            config: config.clone(),
            database_url: database_url.clone(),
            prefix: prefix.clone(),
            data_dir: data_dir.clone(),
            ..Flags::default()
        };
        match &self.command {
            Some(Command::Demo(DemoArgs { site, .. })) => {
                flags.database_by_flag_only = true;
                site.add_to(&mut flags);
            }
            Some(Command::Config(ConfigCommand::Show { site, queues, unknown_mails, metrics, hooks })) => {
                site.add_to(&mut flags);
                hooks.add_to(&mut flags);
                queues.add_to(&mut flags);
                unknown_mails.add_to(&mut flags);
                flags.metrics_listen = metrics.metrics_listen;
            }
            Some(Command::Serve(ServeArgs { site, queues, unknown_mails, hooks, .. })) => {
                site.add_to(&mut flags);
                hooks.add_to(&mut flags);
                queues.add_to(&mut flags);
                unknown_mails.add_to(&mut flags);
            }
            Some(Command::Doctor(DoctorArgs { queues, .. })) => queues.add_to(&mut flags),
            Some(Command::Ingest(IngestCommand::Sqs { queues, unknown_mails, metrics, .. })) => {
                flags.metrics_listen = metrics.metrics_listen;
                queues.add_to(&mut flags);
                unknown_mails.add_to(&mut flags);
            }
            Some(Command::Ingest(IngestCommand::File { unknown_mails, .. })) => {
                unknown_mails.add_to(&mut flags);
            }
            _ => {}
        }
        flags
    }
}

impl SiteArgs {
    fn add_to(&self, flags: &mut Flags) {
        flags.listen = self.listen;
    }
}

impl UnknownMailsArgs {
    fn add_to(&self, flags: &mut Flags) {
        (flags.unknown_mails, flags.park_for) = (self.unknown_mails, self.park_for);
    }
}

impl HooksArgs {
    fn add_to(&self, flags: &mut Flags) {
        flags.hooks_listen = self.listen;
        flags.hooks_topics = (!self.topics.is_empty()).then(|| self.topics.clone());
        flags.hooks_secret.clone_from(&self.secret);
        flags.hooks_signature_2_only = self.signature_2_only.then_some(true);
    }
}

impl QueueArgs {
    fn add_to(&self, flags: &mut Flags) {
        let Self { queue, queue_url, endpoint_url, region, profile, pollers, visibility_timeout } =
            self.clone();
        *flags = Flags {
            queue,
            queue_url,
            endpoint_url,
            region,
            profile,
            pollers,
            visibility_timeout,
            ..flags.clone()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_after() {
        let before = Cli::parse_from(["aftersend", "--json", "--prefix", "own", "search", "jane"]);
        let after = Cli::parse_from(["aftersend", "search", "jane", "--prefix", "own", "--json"]);
        for cli in [before, after] {
            assert!(cli.global.json);
            assert_eq!(cli.global.prefix.unwrap().raw(), "own");
        }
        assert!(Cli::parse_from(["aftersend", "serve", "--version"]).global.version);
    }

    #[test]
    fn lengths_of_time_have_units() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1_800), ("1h 30m", 5_400), ("1h30m", 5_400), ("2d", 172_800), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1", "0", "-1s", "1s ago", "2 months", "1x", "ü"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_site_listens_on_this_machine_only() {
        assert!(loopback("0.0.0.0:4100").unwrap_err().contains("this machine only"));
        assert!(loopback("127.0.0.1:4100").is_ok());
        assert!(loopback("[::1]:4100").is_ok());
    }
}
