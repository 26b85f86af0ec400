//! Every setting there is: its names, how it is read, and what holds without it.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use aftersend_ingest::{HookSecret, HookSecretError, POLLERS_MAX, TopicArn, TopicArnError};
use aftersend_store::{BadSchedule, Prefix, PrefixError, Schedule};
use clap::ValueEnum as _;
use jiff::SignedDuration;

use super::{
    database_url::{DatabaseUrl, MASK},
    value::Raw,
};
use crate::cli::{self, UnknownMailsRule};

/// What a setting is called, wherever it can be given. `docs/configuration.md` tells people the same, and a test
/// compares the two.
#[derive(Debug)]
pub(super) struct About {
    /// Its key in the file, behind the name of its table if it is in one: `listen`, `ingest.pollers`, `queue.url`.
    pub(super) name: &'static str,
    pub(super) flag: Option<&'static str>,
    pub(super) variable: Option<&'static str>,
    pub(super) default: Default,
}

/// What holds where nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Default {
    /// This value, as it would be written.
    Fixed(&'static str),
    /// Something that depends, in words.
    Depends(&'static str),
}

impl About {
    /// The table that it is in, if any, and its key there.
    pub(super) fn table_and_key(&self) -> (Option<&'static str>, &'static str) {
        self.name.split_once('.').map_or((None, self.name), |(table, key)| (Some(table), key))
    }
}

/// A setting, and how its values are read and shown.
#[derive(Debug)]
pub(super) struct Key<T> {
    pub(super) about: About,
    /// An error says what would be right. It must not quote the value if that is a secret.
    pub(super) read: fn(Raw<'_>) -> Result<T, String>,
    /// Without secrets.
    pub(super) show: fn(&T) -> String,
    /// Whether this value is one that other users of the machine should not see.
    pub(super) is_secret: fn(&T) -> bool,
}

impl<T: ToString> Key<T> {
    const fn new(about: About, read: fn(Raw<'_>) -> Result<T, String>) -> Self {
        Self { about, read, show: T::to_string, is_secret: |_| false }
    }
}

pub(super) const DATABASE_URL: Key<DatabaseUrl> = Key {
    is_secret: |url| url.has_secret,
    ..Key::new(
        About {
            name: "database_url",
            flag: Some("--database-url"),
            variable: Some("AFTERSEND_DATABASE_URL"),
            default: Default::Depends("`DATABASE_URL`, else the embedded server"),
        },
        |raw| DatabaseUrl::parse(raw.text()?).map_err(|error| error.to_string()),
    )
};

pub(super) const PREFIX: Key<Prefix> = Key::new(
    About {
        name: "prefix",
        flag: Some("--prefix"),
        variable: Some("AFTERSEND_PREFIX"),
        default: Default::Fixed("public"),
    },
    |raw| raw.text()?.parse().map_err(|error: PrefixError| error.to_string()),
);

pub(super) const DATA_DIR: Key<PathBuf> = Key {
    about: About {
        name: "data_dir",
        flag: Some("--data-dir"),
        variable: Some("AFTERSEND_DATA_DIR"),
        default: Default::Depends("`/var/lib/aftersend` as root, else `~/.local/share/aftersend`"),
    },
    read: |raw| raw.text().map(PathBuf::from),
    show: |folder| folder.display().to_string(),
    is_secret: |_| false,
};

pub(super) const LISTEN: Key<SocketAddr> = Key::new(
    About {
        name: "listen",
        flag: Some("--listen"),
        variable: Some("AFTERSEND_LISTEN"),
        default: Default::Fixed("127.0.0.1:4100"),
    },
    |raw| cli::loopback(raw.text()?),
);

pub(super) const TEMPLATE_TAG: Key<String> = Key::new(
    About {
        name: "ingest.template_tag",
        flag: None,
        variable: Some("AFTERSEND_TEMPLATE_TAG"),
        default: Default::Fixed("template"),
    },
    |raw| raw.text().map(str::to_owned),
);

pub(super) const CAMPAIGN_TAG: Key<String> = Key::new(
    About {
        name: "ingest.campaign_tag",
        flag: None,
        variable: Some("AFTERSEND_CAMPAIGN_TAG"),
        default: Default::Fixed("campaign"),
    },
    |raw| raw.text().map(str::to_owned),
);

pub(super) const INGEST_POLLERS: Key<NonZeroUsize> = Key::new(
    About { name: "ingest.pollers", flag: None, variable: None, default: Default::Fixed("3") },
    pollers,
);

pub(super) const UNKNOWN_MAILS: Key<UnknownMailsRule> = Key {
    about: About {
        name: "ingest.unknown_mails",
        flag: Some("--unknown-mails"),
        variable: Some("AFTERSEND_UNKNOWN_MAILS"),
        default: Default::Fixed("auto"),
    },
    read: |raw| {
        let rule = UnknownMailsRule::from_str(raw.text()?, false);
        rule.map_err(|_| "it should be `auto`, `create` or `park`".to_owned())
    },
    show: |rule| rule.name().to_owned(),
    is_secret: |_| false,
};

pub(super) const PARK_FOR: Key<Duration> = Key {
    about: About {
        name: "ingest.park_for",
        flag: Some("--park-for"),
        variable: Some("AFTERSEND_PARK_FOR"),
        default: Default::Fixed("1h"),
    },
    read: |raw| cli::duration(raw.text()?),
    show: in_words,
    is_secret: |_| false,
};

pub(super) const METRICS_LISTEN: Key<SocketAddr> = Key::new(
    About {
        name: "ingest.metrics_listen",
        flag: Some("--metrics-listen"),
        variable: Some("AFTERSEND_METRICS_LISTEN"),
        default: Default::Depends("nowhere"),
    },
    |raw| cli::metrics_address(raw.text()?),
);

const fn kept_for(name: &'static str) -> Key<Duration> {
    Key {
        about: About { name, flag: None, variable: None, default: Default::Depends("never") },
        read: |raw| cli::duration(raw.text()?),
        show: |duration| {
            SignedDuration::try_from(*duration)
                .map_or(format!("{duration:?}"), |duration| format!("{duration:#}"))
        },
        is_secret: |_| false,
    }
}

pub(super) const DELETE_AFTER: Key<Duration> = kept_for("archive.delete_after");
pub(super) const DELETE_BODIES_AFTER: Key<Duration> = kept_for("archive.delete_bodies_after");
pub(super) const DELETE_RAW_AFTER: Key<Duration> = kept_for("archive.delete_raw_after");
pub(super) const DELETE_ADDRESSES_AFTER: Key<Duration> = kept_for("archive.delete_addresses_after");

pub(super) const QUEUE_NAME: Key<String> = Key::new(
    About {
        name: "queue.name",
        flag: None,
        variable: None,
        default: Default::Depends("the last part of its `url`"),
    },
    queue_name,
);

pub(super) const QUEUE_URL: Key<String> = Key::new(
    About {
        name: "queue.url",
        flag: Some("--queue-url"),
        variable: Some("AFTERSEND_QUEUE_URL"),
        default: Default::Depends("none: it must be there"),
    },
    |raw| cli::queue_url(raw.text()?).map_err(|error| error.to_string()),
);

pub(super) const QUEUE_REGION: Key<String> = Key::new(
    About {
        name: "queue.region",
        flag: Some("--region"),
        variable: Some("AFTERSEND_REGION"),
        default: Default::Depends("the one in the queue's URL, else the profile's, else AWS's own search"),
    },
    |raw| raw.text().map(str::to_owned),
);

pub(super) const QUEUE_PROFILE: Key<String> = Key::new(
    About {
        name: "queue.profile",
        flag: Some("--profile"),
        variable: Some("AFTERSEND_PROFILE"),
        default: Default::Depends("AWS's own search for credentials"),
    },
    |raw| raw.text().map(str::to_owned),
);

pub(super) const QUEUE_ENDPOINT_URL: Key<String> = Key::new(
    About {
        name: "queue.endpoint_url",
        flag: Some("--endpoint-url"),
        variable: Some("AFTERSEND_ENDPOINT_URL"),
        default: Default::Depends("AWS, or the host in the queue's URL"),
    },
    |raw| cli::endpoint_url(raw.text()?).map_err(|error| error.to_string()),
);

pub(super) const QUEUE_POLLERS: Key<NonZeroUsize> = Key::new(
    About {
        name: "queue.pollers",
        flag: Some("--pollers"),
        variable: Some("AFTERSEND_POLLERS"),
        default: Default::Depends("`ingest.pollers`"),
    },
    pollers,
);

pub(super) const QUEUE_VISIBILITY_TIMEOUT: Key<u32> = Key {
    about: About {
        name: "queue.visibility_timeout",
        flag: Some("--visibility-timeout"),
        variable: Some("AFTERSEND_VISIBILITY_TIMEOUT"),
        default: Default::Depends("the queue's own"),
    },
    read: |raw| cli::visibility_timeout(raw.text()?),
    show: |seconds| format!("{seconds}s"),
    is_secret: |_| false,
};

pub(super) const HOOKS_LISTEN: Key<SocketAddr> = Key::new(
    About {
        name: "hooks.listen",
        flag: Some("--hooks-listen"),
        variable: Some("AFTERSEND_HOOKS_LISTEN"),
        default: Default::Depends("nowhere"),
    },
    |raw| {
        let address = raw.text()?;
        address
            .parse()
            .map_err(|_| format!("`{address}` is no address; one looks like 127.0.0.1:4101 or [::1]:4101"))
    },
);

pub(super) const HOOKS_TOPICS: Key<Vec<TopicArn>> = Key {
    about: About {
        name: "hooks.topics",
        flag: Some("--hooks-topic"),
        variable: Some("AFTERSEND_HOOKS_TOPICS"),
        default: Default::Depends("none: every message is refused"),
    },
    read: |raw| {
        let topics = raw.texts()?.into_iter().map(str::parse).collect::<Result<_, TopicArnError>>();
        topics.map_err(|error| error.to_string())
    },
    show: |topics| topics.iter().map(TopicArn::as_str).collect::<Vec<_>>().join(", "),
    is_secret: |_| false,
};

pub(super) const HOOKS_SECRET: Key<HookSecret> = Key {
    about: About {
        name: "hooks.secret",
        flag: Some("--hooks-secret"),
        variable: Some("AFTERSEND_HOOKS_SECRET"),
        default: Default::Depends("none: raw delivery is refused"),
    },
    read: |raw| raw.text()?.parse().map_err(|error: HookSecretError| error.to_string()),
    show: |_| MASK.to_owned(),
    is_secret: |_| true,
};

pub(super) const HOOKS_SIGNATURE_2_ONLY: Key<bool> = Key::new(
    About {
        name: "hooks.signature_2_only",
        flag: Some("--hooks-signature-2-only"),
        variable: Some("AFTERSEND_HOOKS_SIGNATURE_2_ONLY"),
        default: Default::Fixed("false"),
    },
    truth,
);

pub(super) const ARCHIVE_COMPRESS: Key<bool> = Key::new(
    About {
        name: "archive.compress",
        flag: None,
        variable: Some("AFTERSEND_ARCHIVE_COMPRESS"),
        default: Default::Depends(
            "`true` in tables of Aftersend's own, `false` in those that an application made",
        ),
    },
    truth,
);

pub(super) const ARCHIVE_COMPRESS_AFTER: Key<Duration> = Key {
    about: About {
        name: "archive.compress_after",
        flag: None,
        variable: Some("AFTERSEND_ARCHIVE_COMPRESS_AFTER"),
        default: Default::Fixed("30d"),
    },
    read: |raw| cli::duration(raw.text()?),
    show: in_words,
    is_secret: |_| false,
};

pub(super) const ARCHIVE_STORE: Key<String> = Key::new(
    About {
        name: "archive.store",
        flag: None,
        variable: Some("AFTERSEND_ARCHIVE_STORE"),
        default: Default::Depends("none: nothing is archived"),
    },
    |raw| raw.text().map(str::to_owned),
);

pub(super) const ARCHIVE_ARCHIVE_AFTER: Key<Duration> = Key {
    about: About {
        name: "archive.archive_after",
        flag: None,
        variable: Some("AFTERSEND_ARCHIVE_ARCHIVE_AFTER"),
        default: Default::Depends("none: nothing is archived"),
    },
    read: |raw| cli::duration(raw.text()?),
    show: in_words,
    is_secret: |_| false,
};

pub(super) const ARCHIVE_DELETE_ARCHIVED: Key<bool> = Key::new(
    About {
        name: "archive.delete_archived",
        flag: None,
        variable: Some("AFTERSEND_ARCHIVE_DELETE_ARCHIVED"),
        default: Default::Fixed("false"),
    },
    truth,
);

pub(super) const ARCHIVE_SCHEDULE: Key<Schedule> = Key::new(
    About {
        name: "archive.schedule",
        flag: None,
        variable: Some("AFTERSEND_ARCHIVE_SCHEDULE"),
        default: Default::Fixed("daily 03:00"),
    },
    |raw| raw.text()?.parse().map_err(|error: BadSchedule| error.to_string()),
);

/// All of them, in the order in which people are told.
pub(super) const ALL: [&About; 31] = [
    &DATABASE_URL.about,
    &PREFIX.about,
    &DATA_DIR.about,
    &LISTEN.about,
    &TEMPLATE_TAG.about,
    &CAMPAIGN_TAG.about,
    &INGEST_POLLERS.about,
    &UNKNOWN_MAILS.about,
    &PARK_FOR.about,
    &METRICS_LISTEN.about,
    &QUEUE_NAME.about,
    &QUEUE_URL.about,
    &QUEUE_REGION.about,
    &QUEUE_PROFILE.about,
    &QUEUE_ENDPOINT_URL.about,
    &QUEUE_POLLERS.about,
    &QUEUE_VISIBILITY_TIMEOUT.about,
    &HOOKS_LISTEN.about,
    &HOOKS_TOPICS.about,
    &HOOKS_SECRET.about,
    &HOOKS_SIGNATURE_2_ONLY.about,
    &ARCHIVE_SCHEDULE.about,
    &ARCHIVE_COMPRESS.about,
    &ARCHIVE_COMPRESS_AFTER.about,
    &ARCHIVE_STORE.about,
    &ARCHIVE_ARCHIVE_AFTER.about,
    &ARCHIVE_DELETE_ARCHIVED.about,
    &DELETE_AFTER.about,
    &DELETE_BODIES_AFTER.about,
    &DELETE_RAW_AFTER.about,
    &DELETE_ADDRESSES_AFTER.about,
];

/// A length of time as it could be written: whole days as days.
fn in_words(duration: &Duration) -> String {
    const DAY_S: u64 = 24 * 60 * 60;
    match (duration.as_secs(), duration.subsec_nanos()) {
        (seconds, 0) if seconds >= DAY_S && seconds.is_multiple_of(DAY_S) => format!("{}d", seconds / DAY_S),
        _ => SignedDuration::try_from(*duration)
            .map_or(format!("{duration:?}"), |duration| format!("{duration:#}")),
    }
}

fn truth(raw: Raw<'_>) -> Result<bool, String> {
    raw.truth()
}

fn pollers(raw: Raw<'_>) -> Result<NonZeroUsize, String> {
    raw.number(NonZeroUsize::MIN.get(), POLLERS_MAX)
        .map(|pollers| NonZeroUsize::new(pollers).unwrap_or(NonZeroUsize::MIN))
}

/// Names stand in logs and on the command line.
fn queue_name(raw: Raw<'_>) -> Result<String, String> {
    let name = raw.text()?;
    if name.len() <= QUEUE_NAME_BYTES_MAX && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) {
        return Ok(name.to_owned());
    }
    Err(format!("a name has letters, digits, `-`, `_` and `.`, and {QUEUE_NAME_BYTES_MAX} bytes at most"))
}

/// As many as the longest name of an SQS queue has:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>
const QUEUE_NAME_BYTES_MAX: usize = 80;
