//! What a page says of the change that led to it. It waits in memory for the browser to follow the redirect, under a name that
//! nobody can guess: an address alone can't make a page claim that something was done.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use crate::pages::{Imported, Notice};

/// Notes that wait at most; the oldest goes first. A browser comes back at once, or never.
const NOTES_MAX: usize = 64;

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// In a sentence.
    Said(Notice),
    /// Of a list that was imported.
    Imported(Imported),
}

/// Notes that wait.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<VecDeque<Waiting>>);

#[derive(Debug)]
struct Waiting {
    name: Uuid,
    /// The page that it is for.
    path: String,
    note: Note,
}

impl Notes {
    /// Leaves a note for the page at this path, and gives the path that shows it once.
    pub(crate) fn leave(&self, path: &str, note: Note) -> String {
        let name = Uuid::now_v7();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == NOTES_MAX {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { name, path: path.to_owned(), note });
        format!("{path}?note={name}")
    }

    /// The note that was left for this page under this name.
    pub(crate) fn take(&self, path: &str, name: Option<&str>) -> Option<Note> {
        let name = Uuid::try_parse(name?).ok()?;
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = waiting.iter().position(|note| note.name == name && note.path == path)?;
        waiting.remove(place).map(|found| found.note)
    }

    /// The same, where the page can show a sentence alone.
    pub(crate) fn take_notice(&self, path: &str, name: Option<&str>) -> Option<Notice> {
        match self.take(path, name)? {
            Note::Said(notice) => Some(notice),
            Note::Imported(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Note {
        Note::Said(Notice::good("Done."))
    }

    #[test]
    fn a_note_is_read_once_and_on_its_page() {
        let notes = Notes::default();
        let path = notes.leave("/parked", said());
        let name = path.strip_prefix("/parked?note=").unwrap();
        assert_eq!(notes.take("/quarantine", Some(name)), None);
        assert_eq!(notes.take("/parked", Some(name)), Some(said()));
        assert_eq!(notes.take("/parked", Some(name)), None);
        assert_eq!(notes.take("/parked", Some("nonsense")), None);
        assert_eq!(notes.take("/parked", None), None);
    }

    #[test]
    fn notes_that_nobody_reads_make_room() {
        let notes = Notes::default();
        let paths: Vec<String> = (0..=NOTES_MAX).map(|_| notes.leave("/", said())).collect();
        assert_eq!(notes.0.lock().unwrap().len(), NOTES_MAX);
        assert_eq!(notes.take("/", paths[0].split_once('=').map(|(_, name)| name)), None);
        assert!(notes.take("/", paths[1].split_once('=').map(|(_, name)| name)).is_some());
    }
}
