//! A board with one note on it: whoever writes replaces it, whoever looks sees the newest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The newest text of one writer, for any number of readers that look when it suits them. Used
/// for the health of the program on its way to sinks and pages.
#[derive(Clone, Debug, Default)]
pub struct Bulletin(Arc<Mutex<Note>>);

#[derive(Debug, Default)]
struct Note {
    /// How many have been posted; 0: none yet.
    number: u64,
    text: String,
}

impl Bulletin {
    /// Replaces the text.
    pub fn post(&self, text: &str) {
        let mut note = self.lock();
        note.number += 1;
        note.text.clear();
        note.text.push_str(text);
    }

    /// Copies the text to `text` where it is newer than the one numbered `seen` (0: none), and
    /// gives its number; else `None`, and `text` stays as it is.
    pub fn newer(&self, seen: u64, text: &mut String) -> Option<u64> {
        let note = self.lock();
        if note.number == seen {
            return None;
        }
        text.clone_from(&note.text);
        Some(note.number)
    }

    fn lock(&self) -> MutexGuard<'_, Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_sees_the_newest_once() {
        let bulletin = Bulletin::default();
        let mut text = String::from("old");
        assert_eq!(bulletin.newer(0, &mut text), None);
        assert_eq!(text, "old");
        bulletin.post("one");
        bulletin.post("two");
        let seen = bulletin.clone().newer(0, &mut text);
        assert_eq!((seen, text.as_str()), (Some(2), "two"));
        assert_eq!(bulletin.newer(2, &mut text), None);
    }
}
