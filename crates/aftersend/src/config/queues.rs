//! Which queues to poll, and how to reach each.

use std::{collections::BTreeMap, num::NonZeroUsize};

use aftersend_ingest::QueueOptions;

use super::{
    fault::{Place, nearest},
    file::{ConfigFile, Table},
    keys,
    layers::{Layers, Scope, Source, Taken},
    settings::Flags,
};

/// A queue to poll.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    /// What it is called in logs and on the command line. No two have the same.
    pub(crate) name: String,
    pub(crate) options: QueueOptions,
    /// How many pollers of this process receive from it.
    pub(crate) pollers: NonZeroUsize,
}

/// The queues that the layers name. A URL in a flag or a variable names one, which then is the only one; else they
/// are those of the file, or the one of them that `--queue` chooses.
pub(super) fn take(
    layers: &mut Layers<'_>,
    file: Option<&ConfigFile>,
    flags: &Flags,
    pollers: &Taken<NonZeroUsize>,
) -> Vec<Queue> {
    let tables = file.map_or(&[][..], |file| &file.queues);
    let names = names(layers, tables, pollers);
    // A choice among the file's queues is a flag, and stronger than a URL in a variable.
    let by_variable = flags.queue.is_none() && layers.variable(VARIABLE).is_some();
    if flags.queue_url.is_some() || by_variable {
        return from_surroundings(layers, flags, pollers).into_iter().collect();
    }
    if let Some(chosen) = &flags.queue
        && !names.contains(&Some(chosen.clone()))
    {
        layers.fault(Place::Flag("--queue"), no_such_queue(chosen, names.iter().flatten()));
    }
    let is_polled = |name: &Option<String>| flags.queue.is_none() || *name == flags.queue;
    let polled = tables.iter().zip(&names).filter(|(_, name)| is_polled(name)).map(|(table, _)| table);
    polled.filter_map(|table| from_table(layers, table, flags, pollers)).collect()
}

const VARIABLE: &str = "AFTERSEND_QUEUE_URL";

/// The queue whose URL is in a flag or a variable.
fn from_surroundings(layers: &mut Layers<'_>, flags: &Flags, pollers: &Taken<NonZeroUsize>) -> Option<Queue> {
    let scope = Scope { table: None, label: "queue.".to_owned() };
    let url = layers.take(&keys::QUEUE_URL, &scope, flags.queue_url.clone()).value?;
    Some(reach(layers, &scope, flags, pollers, name_in(&url), url))
}

/// The names of the file's queues, where they can be told. Reads all of it for its faults, also of those queues that
/// are not polled, and by itself: a flag or a variable is about those that are.
fn names(layers: &mut Layers<'_>, tables: &[Table], pollers: &Taken<NonZeroUsize>) -> Vec<Option<String>> {
    let mut alone = layers.file_alone();
    let mut queues: Vec<Queue> = Vec::new();
    let mut lines = BTreeMap::new();
    let mut names = Vec::new();
    for table in tables {
        let queue = from_table(&mut alone, table, &Flags::default(), pollers);
        names.push(queue.as_ref().map(|queue| queue.name.clone()));
        let Some(queue) = queue else { continue };
        let position = table.position_of("name").unwrap_or(table.position);
        if let Some(line) = lines.insert(queue.name.clone(), position.line) {
            let name = &queue.name;
            let what =
                format!("there is a queue `{name}` already, in line {line}; give one of them another `name`");
            alone.fault_in_file(position, what);
        }
        if let Some(other) = queues.iter().find(|other| other.options.queue_url == queue.options.queue_url) {
            let position = table.position_of("url").unwrap_or(table.position);
            let name = &other.name;
            let what =
                format!("the queue `{name}` has this `url` already; for more pollers on it say `pollers`");
            alone.fault_in_file(position, what);
        }
        queues.push(queue);
    }
    layers.faults.extend(alone.faults);
    names
}

fn from_table(
    layers: &mut Layers<'_>,
    table: &Table,
    flags: &Flags,
    pollers: &Taken<NonZeroUsize>,
) -> Option<Queue> {
    // The name stands in what is shown, so it is looked up first.
    let unnamed = Scope { table: Some(table), label: String::new() };
    let shown = layers.shown.len();
    // A variable names another queue's URL, never this one's.
    let url = layers.take_from_file(&keys::QUEUE_URL, &unnamed);
    let name = layers.take(&keys::QUEUE_NAME, &unnamed, None);
    layers.shown.truncate(shown);
    let Some((url, url_source)) = url else {
        if table.position_of("url").is_none() && !table.has_unknown {
            layers.fault_in_file(table.position, "this [[queue]] has no `url`");
        }
        return None;
    };
    let name = Taken { value: Some(name.value.unwrap_or_else(|| name_in(&url))), source: name.source };
    let scope = Scope { table: Some(table), label: label(name.value.as_deref().unwrap_or_default()) };
    layers.show(&keys::QUEUE_NAME, &scope, &name);
    layers.show(&keys::QUEUE_URL, &scope, &Taken { value: Some(url.clone()), source: url_source });
    Some(reach(layers, &scope, flags, pollers, name.value.unwrap_or_default(), url))
}

/// Adds how a queue is reached.
fn reach(
    layers: &mut Layers<'_>,
    scope: &Scope<'_>,
    flags: &Flags,
    pollers: &Taken<NonZeroUsize>,
    name: String,
    queue_url: String,
) -> Queue {
    let region =
        layers.take_given(&keys::QUEUE_REGION, scope, flags.region.clone()).unwrap_or(Taken::NOTHING);
    let in_url = || QueueOptions { queue_url: queue_url.clone(), ..QueueOptions::default() }.url_region();
    let shown = Taken { value: region.value.clone().or_else(in_url), source: region.source.clone() };
    layers.show(&keys::QUEUE_REGION, scope, &shown);
    let profile = layers.take(&keys::QUEUE_PROFILE, scope, flags.profile.clone());
    let endpoint_url = layers.take(&keys::QUEUE_ENDPOINT_URL, scope, flags.endpoint_url.clone());
    let pollers = layers.take_or(&keys::QUEUE_POLLERS, scope, flags.pollers, pollers);
    let visibility_timeout = layers.take(&keys::QUEUE_VISIBILITY_TIMEOUT, scope, flags.visibility_timeout);
    let options = QueueOptions {
        queue_url,
        endpoint_url: endpoint_url.value,
        region: region.value,
        profile: profile.value,
        visibility_timeout_s: visibility_timeout.value,
        drain: false,
    };
    // Each for itself can be used by now; what is left is a region that is not the URL's.
    if let Err(error) = options.check() {
        let position = scope.table.and_then(|table| table.position_of("region").or(table.position_of("url")));
        match (region.source, position) {
            (Source::Flag(flag), _) => layers.fault(Place::Flag(flag), error.to_string()),
            (Source::Variable(name), _) => layers.fault(Place::Variable(name), error.to_string()),
            (_, Some(position)) => layers.fault_in_file(position, error.to_string()),
            (_, None) => layers.fault(Place::Nowhere, error.to_string()),
        }
    }
    Queue { name, options, pollers: pollers.unwrap_or(NonZeroUsize::MIN) }
}

/// What stands before the keys of a queue for people.
fn label(name: &str) -> String {
    format!("queue.{name}.")
}

/// The queue's own name, which is the last part of its URL.
fn name_in(url: &str) -> String {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url).to_owned()
}

fn no_such_queue<'n>(chosen: &str, names: impl Iterator<Item = &'n String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        return "the configuration file names no queue; give --queue-url, or a [[queue]] in the file"
            .to_owned();
    }
    let names_listed = names.join(", ");
    match nearest(chosen, names) {
        Some(name) => {
            format!("no queue is called `{chosen}`; did you mean `{name}`? There are: {names_listed}")
        }
        None => format!("no queue is called `{chosen}`; there are: {names_listed}"),
    }
}
