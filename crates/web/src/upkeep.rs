//! What this program is set to do with old mail, as the site tells of it.

use std::time::Duration;

use aftersend_store::COMPRESS_AFTER_DEFAULT;

/// What becomes of old mail, as this program is set. Without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// Whether bodies are compressed, where somebody says; else that depends on who made the tables.
    pub compress: Option<bool>,
    /// How old mails are whose bodies are.
    pub compress_after: Duration,
    /// Where the archive is.
    pub archive: Option<String>,
    /// How old mails are that go there.
    pub archive_after: Option<Duration>,
    /// Whether they leave the database then.
    pub delete_archived: bool,
    /// Whether anything is deleted for its age.
    pub deletes: bool,
}

/// Where nobody has set anything.
impl Default for Upkeep {
    fn default() -> Self {
        Self {
            compress: None,
            compress_after: COMPRESS_AFTER_DEFAULT,
            archive: None,
            archive_after: None,
            delete_archived: false,
            deletes: false,
        }
    }
}
