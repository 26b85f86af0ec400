//! Objects on their way back from the storage.

use aftersend_store::{LateEvent, ObjectKind};

use crate::{
    ArchiveError, ArchivePlace,
    format::{LINES_ENDING, LatePart, MANIFEST_ENDING, Manifest, read_lines},
};

/// An object that is as its manifest says.
pub(crate) struct Whole {
    pub(crate) manifest: Manifest,
    pub(crate) kind: ObjectKind,
    /// Its lines but the first, each JSON as [`MailPart`](crate::format::MailPart) or
    /// [`LatePart`](crate::format::LatePart) has it.
    pub(crate) lines: Vec<String>,
}

/// What there is of an object.
pub(crate) enum Found {
    Whole(Box<Whole>),
    /// Its manifest is not there.
    NoManifest,
    /// Its manifest is, and its lines are not.
    NoLines,
    /// What is there is not what it should be.
    Damaged(String),
}

/// Reads an object whole, and checks it.
pub(crate) async fn fetch(place: &ArchivePlace, name: &str) -> Result<Found, ArchiveError> {
    let Some(manifest) = place.get(&format!("{name}{MANIFEST_ENDING}")).await? else {
        return Ok(Found::NoManifest);
    };
    let checked = Manifest::read(&manifest).and_then(|manifest| Ok((manifest.kind()?, manifest)));
    let (kind, manifest) = match checked {
        Ok(read) => read,
        Err(reason) => return Ok(Found::Damaged(reason)),
    };
    if manifest.name != name {
        return Ok(Found::Damaged(format!("its manifest is that of {}", manifest.name)));
    }
    let Some(bytes) = place.get(&format!("{name}{LINES_ENDING}")).await? else {
        return Ok(Found::NoLines);
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut lines = Vec::new();
        read_lines(&bytes, &manifest, |line| {
            lines.push(line.to_owned());
            Ok(())
        })?;
        Ok(Whole { manifest, kind, lines })
    });
    let read = read.await.unwrap_or_else(|error| Err(format!("reading it ended early: {error}")));
    Ok(match read {
        Ok(whole) => Found::Whole(Box::new(whole)),
        Err(reason) => Found::Damaged(reason),
    })
}

/// A late event's line.
pub(crate) fn late(line: &str, name: &str) -> Result<LateEvent, ArchiveError> {
    let part: LatePart<'_> =
        serde_json::from_str(line).map_err(|error| ArchiveError::damaged(name, error.to_string()))?;
    Ok(part.to_event())
}
