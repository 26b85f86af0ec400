//! The words of the command line. The comments of fields and variants are the help that people read.
#![expect(clippy::doc_markdown, reason = "a terminal shows back ticks and angle brackets as they are")]

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use aftersend_event::Status;
use aftersend_ingest::{POLLERS_DEFAULT, POLLERS_MAX};
use aftersend_store::{
    Prefix, UnknownMails,
    schema::{Limits, Step, Target},
};
use clap::{Args, Parser, Subcommand, ValueEnum};

mod quarantine;
pub(crate) use quarantine::{QuarantineCommand, QuarantineSelection};

/// What became of the mail we sent through Amazon SES?
#[derive(Debug, Parser)]
#[command(
    name = "aftersend",
    disable_version_flag = true,
    after_help = "Without --database-url, Aftersend runs a private PostgreSQL of its own and brings its schema up to date."
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
    /// The PostgreSQL database to use: postgres://user:password@host:5432/database?sslmode=require
    /// (else $DATABASE_URL, else the embedded server)
    #[arg(long, global = true, env = "AFTERSEND_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The Postgres schema that holds the tables
    #[arg(long, global = true, env = "AFTERSEND_PREFIX", default_value = "public", value_name = "SCHEMA")]
    pub(crate) prefix: Prefix,
    /// The folder of the embedded server, not with --database-url
    /// [default: /var/lib/aftersend as root, else $XDG_DATA_HOME/aftersend or ~/.local/share/aftersend]
    #[arg(long, global = true, env = "AFTERSEND_DATA_DIR", value_name = "FOLDER")]
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
    /// Serve the site on this machine
    Serve(ServeCommandArgs),
    /// Move the database's schema along its steps: 136, 137, a1, a2, a3, a4
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Take events in
    #[command(subcommand)]
    Ingest(IngestCommand),
    /// Look at messages that could not be read or stored, read them anew, or drop them
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// List mails, newest first, by a part of the recipient, the subject or the campaign
    Search(SearchArgs),
    /// Tell the story of one mail
    Show(ShowArgs),
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
    pub(crate) serve: ServeArgs,
}

/// What becomes of events whose mail nobody knows.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct UnknownMailsArgs {
    /// What to do with events of mails that nobody knows: `create` makes the mail, `park` keeps them until an
    /// application logs it, `auto` parks in tables that an application made and creates in those of Aftersend's own
    #[arg(long, env = "AFTERSEND_UNKNOWN_MAILS", default_value = "auto", value_name = "RULE")]
    unknown_mails: UnknownMailsRule,
    /// How long parked events wait before their mail is made after all: 90s, 30m, 1h, 2d
    #[arg(long, env = "AFTERSEND_PARK_FOR", default_value = "1h", value_name = "TIME", value_parser = duration)]
    park_for: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum UnknownMailsRule {
    Auto,
    Create,
    Park,
}

impl From<UnknownMailsArgs> for UnknownMails {
    fn from(arguments: UnknownMailsArgs) -> Self {
        let park_for = arguments.park_for;
        match arguments.unknown_mails {
            UnknownMailsRule::Auto => Self::Auto { park_for },
            UnknownMailsRule::Create => Self::Create,
            UnknownMailsRule::Park => Self::Park { park_for },
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on, on this machine only
    #[arg(long, default_value = "127.0.0.1:4100", value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub(crate) listen: SocketAddr,
}

/// The site, and what it looks after beside.
#[derive(Debug, Args)]
pub(crate) struct ServeCommandArgs {
    #[command(flatten)]
    pub(crate) site: ServeArgs,
    #[command(flatten)]
    pub(crate) unknown_mails: UnknownMailsArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Take the schema up
    Up {
        /// The last step to take: 136, 137, a1, a2, a3 or a4
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
        /// The last step to take: 136, 137, a1, a2 or a3
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
    /// From an SQS queue
    Sqs {
        /// The queue's URL
        #[arg(long, env = "AFTERSEND_QUEUE_URL", value_name = "URL")]
        queue_url: String,
        /// Where the service answers, if not at AWS
        #[arg(long, env = "AFTERSEND_ENDPOINT_URL", value_name = "URL")]
        endpoint_url: Option<String>,
        /// The queue's region, if its URL does not tell
        #[arg(long, env = "AFTERSEND_REGION", value_name = "REGION")]
        region: Option<String>,
        /// How many pollers receive, store and delete at once; more programs may do so, too
        #[arg(long, default_value_t = POLLERS_DEFAULT, value_name = "N", value_parser = pollers)]
        pollers: NonZeroUsize,
        /// For how many seconds a received message is hidden from other pollers, and again each time that it waits
        /// for the database; the queue's own visibility timeout if not given
        #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..=43_200))]
        visibility_timeout: Option<u32>,
        /// End when two long polls of each poller brought nothing
        #[arg(long)]
        drain: bool,
        /// Exit with 1 when a message went into quarantine
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        unknown_mails: UnknownMailsArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// A part of the recipient, the subject or the campaign, in any case; all mails without it
    #[arg(value_name = "TEXT", default_value = "")]
    pub(crate) text: String,
    /// Only mails in this state: queued, sent, delayed, delivered, opened, clicked, bounced, soft_bounced,
    /// hard_bounced, failed, rejected or complaint
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Option<Status>,
    /// How many mails to list
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Aftersend's uuid, the application's message id, or the id that SES gave the mail
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

fn pollers(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|pollers: &NonZeroUsize| pollers.get() <= POLLERS_MAX)
        .ok_or_else(|| format!("a queue has from 1 to {POLLERS_MAX} pollers"))
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

/// A time in whole seconds, minutes, hours or days.
fn duration(text: &str) -> Result<Duration, String> {
    let unit_s = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ if text == "0" => return Ok(Duration::ZERO),
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u32>().ok());
    match number {
        Some(number) if unit_s > 0 => Ok(Duration::from_secs(u64::from(number) * unit_s)),
        _ => Err("a time looks like 90s, 30m, 1h or 2d".to_owned()),
    }
}

fn status(text: &str) -> Result<Status, String> {
    Status::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.into_iter().map(Status::name).collect();
        format!("there is no such status; there are {}", names.join(", "))
    })
}

/// The site shows everybody's mail and asks nobody who they are.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address looks like 127.0.0.1:4100 or [::1]:4100".to_owned())?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("the site has no log-in yet, so it listens on this machine only: 127.0.0.1 or [::1]. From elsewhere, use a \
         tunnel: ssh -L 4100:127.0.0.1:4100 this-machine"
        .to_owned())
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
            assert_eq!(cli.global.prefix.raw(), "own");
        }
        assert!(Cli::parse_from(["aftersend", "serve", "--version"]).global.version);
    }

    #[test]
    fn times_have_a_unit() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1_800), ("1h", 3_600), ("2d", 172_800), ("0", 0), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "1", "-1s", "1.5h", "1w", "4294967296d", "ü"] {
            assert!(duration(text).is_err(), "{text}");
        }
        let parked = Cli::parse_from([
            "aftersend",
            "ingest",
            "file",
            "-",
            "--unknown-mails",
            "park",
            "--park-for",
            "2h",
        ]);
        let Some(Command::Ingest(IngestCommand::File { unknown_mails, .. })) = parked.command else {
            panic!("{parked:?}")
        };
        let park_for = Duration::from_hours(2);
        assert_eq!(UnknownMails::from(unknown_mails), UnknownMails::Park { park_for });
    }

    #[test]
    fn the_site_listens_on_this_machine_only() {
        assert!(loopback("0.0.0.0:4100").unwrap_err().contains("this machine only"));
        assert!(loopback("127.0.0.1:4100").is_ok());
        assert!(loopback("[::1]:4100").is_ok());
    }
}
