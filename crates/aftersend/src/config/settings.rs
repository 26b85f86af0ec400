//! What the commands work with.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use aftersend_ingest::TopicArn;
use aftersend_store::{DatabaseAddress, Prefix, Retention, TagNames, UnknownMails};

use super::{
    archive::{self, Archive},
    database_url::DatabaseUrl,
    fault::{ConfigError, Place, Position},
    file::ConfigFile,
    hooks::{self, Hooks},
    keys,
    layers::{Environment, Layers, Scope, Shown, Source, Taken},
    queues::{self, Queue},
};

use crate::cli::UnknownMailsRule;

/// The variable for a database that many programs share.
const SHARED_VARIABLE: &str = "DATABASE_URL";

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) config: Option<PathBuf>,
    /// As it was written: the parser of the command line repeats what it can't read, and this may hold a password.
    pub(crate) database_url: Option<String>,
    pub(crate) prefix: Option<Prefix>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) queue: Option<String>,
    pub(crate) queue_url: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) pollers: Option<NonZeroUsize>,
    pub(crate) visibility_timeout: Option<u32>,
    pub(crate) unknown_mails: Option<UnknownMailsRule>,
    pub(crate) park_for: Option<Duration>,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) hooks_listen: Option<SocketAddr>,
    pub(crate) hooks_topics: Option<Vec<TopicArn>>,
    /// As it was written, as a database's URL is.
    pub(crate) hooks_secret: Option<String>,
    pub(crate) hooks_signature_2_only: Option<bool>,
    /// Only flags may name the database: made-up mail must not land in whatever database the surroundings name.
    pub(crate) database_by_flag_only: bool,
}

/// Which database.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// The one at this address.
    Given(Box<DatabaseAddress>),
    /// The embedded one, in this folder if not in its usual one.
    Embedded(Option<PathBuf>),
}

/// All settings.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The configuration file, if there is one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) database: Database,
    /// The flag that named the database, itself or through the file: a command without it would go to another one.
    pub(crate) database_flag: Option<&'static str>,
    pub(crate) prefix: Prefix,
    pub(crate) listen: SocketAddr,
    pub(crate) tag_names: TagNames,
    pub(crate) unknown_mails: UnknownMails,
    /// Where `ingest sqs` answers probes and scrapes, if anywhere. `serve` does on the site's address.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// What is deleted after how long.
    pub(crate) retention: Retention,
    /// None of them, one, or several.
    pub(crate) queues: Vec<Queue>,
    pub(crate) hooks: Option<Hooks>,
    pub(crate) archive: Archive,
    /// Each setting, for people who ask.
    pub(crate) shown: Vec<Shown>,
    /// What people should know although everything could be read, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl Settings {
    /// Finds the configuration file, and settles every setting.
    pub(crate) fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let environment = |name: &str| std::env::var_os(name);
        let file = ConfigFile::find(flags.config.as_deref(), &environment)?;
        Self::settle(flags, &environment, file.as_ref())
    }

    /// Settles every setting from these layers.
    pub(super) fn settle(
        flags: &Flags,
        environment: Environment<'_>,
        file: Option<&ConfigFile>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::new(environment, file.map(|file| &*file.path));
        layers.faults.extend(file.iter().flat_map(|file| file.faults.iter().cloned()));
        let root = Scope { table: file.map(|file| &file.root), label: String::new() };
        let ingest =
            Scope { table: file.and_then(|file| file.tables.get("ingest")), label: "ingest.".to_owned() };

        let (database, database_source) = take_database(&mut layers, &root, flags, file);
        let prefix = layers.take(&keys::PREFIX, &root, flags.prefix.clone()).value;
        let listen = layers.take(&keys::LISTEN, &root, flags.listen).value;
        let template = layers.take(&keys::TEMPLATE_TAG, &ingest, None).value;
        let campaign = layers.take(&keys::CAMPAIGN_TAG, &ingest, None).value;
        let pollers = layers.take(&keys::INGEST_POLLERS, &ingest, None);
        let rule = layers.take(&keys::UNKNOWN_MAILS, &ingest, flags.unknown_mails).value;
        let park_for = layers.take(&keys::PARK_FOR, &ingest, flags.park_for).value;
        let metrics_listen = layers.take(&keys::METRICS_LISTEN, &ingest, flags.metrics_listen).value;
        let queues = queues::take(&mut layers, file, flags, &pollers);
        let hooks = hooks::take(&mut layers, file, flags);
        let archive = archive::take(&mut layers, file);
        let is_archived = archive.as_ref().is_some_and(|archive| archive.after.is_some());
        let retention = take_retention(&mut layers, file, is_archived);

        let Layers { shown, mut faults, has_secret_in_file, .. } = layers;
        let unknown_mails = rule.zip(park_for).map(|(rule, park_for)| match rule {
            UnknownMailsRule::Auto => UnknownMails::Auto { park_for },
            UnknownMailsRule::Create => UnknownMails::Create,
            UnknownMailsRule::Park => UnknownMails::Park { park_for },
        });
        let (
            Some(prefix),
            Some(listen),
            Some(template),
            Some(campaign),
            Some(unknown_mails),
            Some(archive),
            true,
        ) = (prefix, listen, template, campaign, unknown_mails, archive, faults.is_empty())
        else {
            faults.sort_by(|one, other| one.place.cmp(&other.place));
            return Err(ConfigError::Faults(faults));
        };
        let mut notes: Vec<String> =
            file.filter(|_| has_secret_in_file).and_then(ConfigFile::too_open).into_iter().collect();
        if database_source == Source::Variable(SHARED_VARIABLE) {
            notes.push(format!(
                "note: using the database in {SHARED_VARIABLE}; --database-url, AFTERSEND_DATABASE_URL or \
                 `database_url` in the configuration file name another"
            ));
        }
        Ok(Self {
            file: file.map(|file| file.path.clone()),
            database,
            database_flag: match database_source {
                Source::Flag(flag) => Some(flag),
                Source::File { .. } => flags.config.is_some().then_some("--config"),
                Source::Variable(_) | Source::Default => None,
            },
            prefix,
            listen,
            tag_names: TagNames { template, campaign },
            unknown_mails,
            metrics_listen,
            retention,
            queues,
            hooks,
            archive,
            shown,
            notes,
        })
    }
}

/// Settles what is deleted after how long.
fn take_retention(layers: &mut Layers<'_>, file: Option<&ConfigFile>, is_archived: bool) -> Retention {
    let archive =
        Scope { table: file.and_then(|file| file.tables.get("archive")), label: "archive.".to_owned() };
    let mails = layers.take(&keys::DELETE_AFTER, &archive, None).value;
    let bodies = layers.take(&keys::DELETE_BODIES_AFTER, &archive, None).value;
    let raw = layers.take(&keys::DELETE_RAW_AFTER, &archive, None).value;
    let addresses = layers.take(&keys::DELETE_ADDRESSES_AFTER, &archive, None).value;
    // What is to go to an archive goes there first.
    Retention::new(mails, bodies, raw, addresses, is_archived).unwrap_or_else(|error| {
        let position = archive.table.and_then(|table| table.position_of("delete_after"));
        layers.fault_in_file(
            position.unwrap_or(Position { line: 1, column: 1 }),
            format!("`archive.delete_after`: {error}"),
        );
        Retention::default()
    })
}

/// Settles which database: the one that the strongest layer names. In a layer that names both, the URL.
fn take_database(
    layers: &mut Layers<'_>,
    root: &Scope<'_>,
    flags: &Flags,
    file: Option<&ConfigFile>,
) -> (Database, Source) {
    let url_flag = flags.database_url.as_deref().and_then(|text| url_in_flag(layers, text));
    let mut url = layers.take_given(&keys::DATABASE_URL, root, url_flag).unwrap_or(Taken::NOTHING);
    let mut folder =
        layers.take_given(&keys::DATA_DIR, root, flags.data_dir.clone()).unwrap_or(Taken::NOTHING);
    two_in_one_layer(layers, root, flags);
    if flags.database_by_flag_only {
        url = if matches!(url.source, Source::Flag(_)) { url } else { Taken::NOTHING };
        folder = if matches!(folder.source, Source::Flag(_)) { folder } else { Taken::NOTHING };
    } else if url.value.is_none() && folder.value.is_none() {
        url = shared_url(layers).unwrap_or(Taken::NOTHING);
    }
    // A folder in the file is one beside it, wherever the program is started.
    if let (Some(path), Source::File { .. }, Some(file)) = (&mut folder.value, &folder.source, file) {
        *path = file.folder().join(&*path);
    }
    // What is not used is not shown as if it were.
    if url.source.rank() <= folder.source.rank()
        && let Some(DatabaseUrl { address, .. }) = &url.value
    {
        layers.show(&keys::DATABASE_URL, root, &url);
        layers.show_as(&keys::DATA_DIR, root, &Taken::NOTHING, "not used: there is a database URL");
        return (Database::Given(Box::new(address.clone())), url.source);
    }
    let shown = Taken { value: folder.value.clone().or_else(usual_folder), source: folder.source.clone() };
    layers.show_as(&keys::DATABASE_URL, root, &Taken::NOTHING, "none: the embedded server");
    layers.show(&keys::DATA_DIR, root, &shown);
    (Database::Embedded(folder.value), folder.source)
}

/// Where the embedded server's folder is unless somebody says so.
fn usual_folder() -> Option<PathBuf> {
    aftersend_embedded::Options::default_data_dir().ok()
}

/// Two databases in one layer, of which one must be a mistake. (A variable may be left over from a session: there, the
/// URL goes first.)
fn two_in_one_layer(layers: &mut Layers<'_>, root: &Scope<'_>, flags: &Flags) {
    let what = "name two databases; give one of them";
    if flags.database_url.is_some() && flags.data_dir.is_some() {
        layers.fault(Place::Nowhere, format!("--database-url and --data-dir {what}"));
    }
    if let Some(table) = root.table
        && let (Some(url), Some(folder)) = (table.position_of("database_url"), table.position_of("data_dir"))
    {
        layers.fault_in_file(url.max(folder), format!("`database_url` and `data_dir` {what}"));
    }
}

/// The database that many programs share: the last resort, and not without a word.
fn shared_url(layers: &mut Layers<'_>) -> Option<Taken<DatabaseUrl>> {
    let text = layers.variable(SHARED_VARIABLE)?;
    match DatabaseUrl::parse(&text) {
        Ok(url) => Some(Taken { value: Some(url), source: Source::Variable(SHARED_VARIABLE) }),
        Err(error) => {
            layers.fault(Place::Variable(SHARED_VARIABLE), error.to_string());
            None
        }
    }
}

fn url_in_flag(layers: &mut Layers<'_>, text: &str) -> Option<DatabaseUrl> {
    // As a shell makes it of a variable that is not set.
    if text.is_empty() {
        let what = "--database-url is empty; give the URL, or leave the flag out for the embedded database";
        layers.fault(Place::Nowhere, what);
        return None;
    }
    DatabaseUrl::parse(text)
        .map_err(|error| layers.fault(Place::Flag("--database-url"), error.to_string()))
        .ok()
}
