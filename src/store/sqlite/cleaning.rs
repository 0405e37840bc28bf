//! What is done to the whole file between two groups of writes, and the eye that looks at its bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::log::{self, Gate};
use super::space::Space;
use super::trouble::Trouble;
use super::writer::understand;
use crate::domain::person::Marks;
use crate::store::StoreError;
use crate::store::erasures::Seen;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That the log be folded into the database, and emptied.
    EmptyLog,
    /// That the database be written anew, and the log emptied after that.
    Rewrite,
}

/// Whom to tell how it went: whether it was done, or somebody was in the way.
type Tell = oneshot::Sender<Result<bool, StoreError>>;

/// What was asked for and is not done yet. Nobody asks for two things at a time; if somebody does, the latter counts.
#[derive(Debug, Default)]
pub(super) struct Cleaning(Mutex<Option<(Wish, Tell)>>);

impl Cleaning {
    /// Asks for it.
    pub(super) fn ask(&self, wish: Wish) -> oneshot::Receiver<Result<bool, StoreError>> {
        let (tell, told) = oneshot::channel();
        *self.0.lock() = Some((wish, tell));
        told
    }

    /// Does what is asked for, if anything is; why the thread that writes must not go on, if it must not.
    pub(super) fn carry_out(
        &self,
        connection: &Connection,
        gate: &Gate,
        space: &Space,
    ) -> Result<(), String> {
        let Some((wish, tell)) = self.0.lock().take() else { return Ok(()) };
        let rewritten = match wish {
            Wish::EmptyLog => Ok(()),
            Wish::Rewrite => connection.execute_batch("VACUUM"),
        };
        let emptied = rewritten.and_then(|()| log::empty(connection, gate));
        let told = emptied.as_ref().map(|done| *done).map_err(understand);
        // Whoever asked may have gone.
        let _ = tell.send(told);
        let Err(error) = emptied else { return Ok(()) };
        match Trouble::of(&error) {
            Trouble::Own => Ok(()),
            Trouble::Full => {
                space.full();
                Ok(())
            }
            Trouble::Disk | Trouble::Ruin => Err(format!("the file could not be cleaned: {error}")),
        }
    }
}

/// Bytes that one look goes through.
const LOOK: u64 = 32 * 1024 * 1024;

/// Bytes read at a time, and how many of them are looked at again with the next: a mark may stand across the border.
const CHUNK: usize = 1024 * 1024;
const OVERLAP: u64 = 1024;

/// A look at the file's own bytes, past SQLite. The file is opened once, and closed after every connection is: whoever closes a file
/// drops all locks that its process has on it.
#[derive(Debug)]
pub(super) struct Eye(Mutex<Option<File>>);

impl Eye {
    /// Opens it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(Some(File::open(path)?))))
    }

    /// Closes it. SQLite has to have closed it before.
    pub(super) fn close(&self) {
        *self.0.lock() = None;
    }

    /// How long the file is.
    pub(super) fn size(&self) -> io::Result<u64> {
        let file = self.0.lock();
        let file = file.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        Ok(file.metadata()?.len())
    }

    /// Looks at some of it.
    pub(super) fn look(&self, marks: &Marks, texts: &[String], from: u64) -> io::Result<Seen> {
        let file = self.0.lock();
        let file = file.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let length = file.metadata()?.len();
        let end = length.min(from + LOOK);
        let finders: Vec<_> =
            texts.iter().map(|text| memchr::memmem::Finder::new(text.as_bytes())).collect();
        let mut seen = Seen::default();
        let mut chunk = vec![0; CHUNK];
        let mut place = from;
        while place < end {
            let read = file.read_at(&mut chunk, place)?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            seen.marks |= marks.is_plainly_in(bytes);
            seen.texts |= finders.iter().any(|finder| finder.find(bytes).is_some());
            let read = u64::try_from(read).unwrap_or(u64::MAX);
            place += if read > OVERLAP { read - OVERLAP } else { read };
            if place + OVERLAP >= length {
                break;
            }
        }
        seen.next = (place + OVERLAP < length).then_some(place);
        Ok(seen)
    }
}
