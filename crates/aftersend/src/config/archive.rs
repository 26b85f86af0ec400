//! What becomes of older mails.

use std::time::Duration;

use aftersend_store::Schedule;

use super::{
    file::ConfigFile,
    keys,
    layers::{Layers, Scope},
};

/// The settings of `[archive]`.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    /// When `serve` looks after older mails by itself.
    pub(crate) schedule: Schedule,
    /// Whether bodies are compressed, where somebody says.
    pub(crate) compress: Option<bool>,
    /// How old mails are by then.
    pub(crate) compress_after: Duration,
    /// Where the archive is.
    pub(crate) store: Option<String>,
    /// How old mails are that go there.
    pub(crate) after: Option<Duration>,
    /// Whether they leave the database then.
    pub(crate) delete_archived: bool,
}

/// Settles them; nothing where a fault was found.
pub(super) fn take(layers: &mut Layers<'_>, file: Option<&ConfigFile>) -> Option<Archive> {
    let scope =
        Scope { table: file.and_then(|file| file.tables.get("archive")), label: "archive.".to_owned() };
    let schedule = layers.take(&keys::ARCHIVE_SCHEDULE, &scope, None).value;
    let compress = layers.take(&keys::ARCHIVE_COMPRESS, &scope, None).value;
    let compress_after = layers.take(&keys::ARCHIVE_COMPRESS_AFTER, &scope, None).value?;
    let store = layers.take(&keys::ARCHIVE_STORE, &scope, None).value;
    let after = layers.take(&keys::ARCHIVE_ARCHIVE_AFTER, &scope, None).value;
    let delete_archived = layers.take(&keys::ARCHIVE_DELETE_ARCHIVED, &scope, None).value?;
    Some(Archive { schedule: schedule?, compress, compress_after, store, after, delete_archived })
}
