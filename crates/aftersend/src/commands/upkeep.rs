//! What the site tells of how old mail is kept.

use aftersend_web::Upkeep;

use crate::config::Settings;

/// What this program is set to do with old mail.
pub(super) fn upkeep(settings: &Settings) -> Upkeep {
    let archive = &settings.archive;
    Upkeep {
        compress: archive.compress,
        compress_after: archive.compress_after,
        archive: archive.store.clone(),
        archive_after: archive.after,
        delete_archived: archive.delete_archived,
        deletes: !settings.retention.keeps_all(),
    }
}
