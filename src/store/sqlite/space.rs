//! Watching the free space: callbacks are refused before the disk is full, and a reserve lets the store make room even then.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::open::{beside, directory_of};

const MIB: u64 = 1024 * 1024;

/// Bytes kept free at least, whatever the disk's size.
const FREE_MIN: u64 = 256 * MIB;

/// Bytes kept free at most.
const FREE_MAX: u64 = 2048 * MIB;

/// One byte in so many is kept free, between those bounds.
const FREE_SHARE: u64 = 20;

/// The size of the reserve in bytes: enough for retention's steps and for folding the log in.
const RESERVE: u64 = 32 * MIB;

/// How much room a disk has, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct DiskRoom {
    /// What may still be written.
    pub free: u64,
    /// The size of it all.
    pub total: u64,
}

impl DiskRoom {
    /// The room of the disk that a directory is on.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let found = rustix::fs::statvfs(directory)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Self { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}

/// Asks for the room of a directory's disk.
pub type AskRoom = fn(&Path) -> io::Result<DiskRoom>;

/// The watch over a store's disk.
#[derive(Debug)]
pub(super) struct Space {
    directory: PathBuf,
    reserve: PathBuf,
    ask: AskRoom,
    /// Bytes to be kept free, if not by the rule.
    least: Option<u64>,
    /// Bytes of the whole disk, as of the last look; so many that nothing is too much while nobody could see.
    disk: AtomicU64,
    /// Why nothing more is taken in.
    low: Mutex<Option<String>>,
    /// Whether the reserve could not be made; that is told once.
    no_reserve: AtomicBool,
}

impl Space {
    pub(super) fn new(database: &Path, least: Option<u64>, ask: AskRoom) -> Self {
        Self {
            directory: directory_of(database).to_owned(),
            reserve: beside(database, "reserve"),
            ask,
            least,
            disk: AtomicU64::new(u64::MAX),
            low: Mutex::default(),
            no_reserve: AtomicBool::new(false),
        }
    }

    /// Why no callback is taken in, if none is.
    pub(super) fn low(&self) -> Option<String> {
        self.low.lock().clone()
    }

    /// Bytes of the whole disk.
    pub(super) fn disk(&self) -> u64 {
        self.disk.load(Ordering::Relaxed)
    }

    /// Looks how much is free, and judges.
    pub(super) fn look(&self) {
        let room = match (self.ask)(&self.directory) {
            Ok(room) => room,
            Err(error) => {
                tracing::warn!(store.directory = %self.directory.display(), %error, "can't see how much of the disk is free");
                return;
            }
        };
        self.disk.store(room.total, Ordering::Relaxed);
        let least = self.least.unwrap_or_else(|| by_rule(room.total));
        let low = (room.free < least).then(|| {
            format!("{} MiB are free, and callbox keeps {} MiB", room.free / MIB, least / MIB)
        });
        if low.is_none() && room.free >= least.saturating_add(RESERVE) && least >= RESERVE {
            self.make_reserve();
        }
        let before = std::mem::replace(&mut *self.low.lock(), low.clone());
        match (before, low) {
            (None, Some(low)) => {
                tracing::error!(store.directory = %self.directory.display(), "callbacks are refused with 503: {low}");
            }
            (Some(_), None) => {
                tracing::info!(store.directory = %self.directory.display(), "callbacks are taken again: there is room on the disk");
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// The disk is full: from now on nothing is taken in, and the reserve is given up so that room can be made.
    pub(super) fn full(&self) {
        self.low.lock().get_or_insert_with(|| "it is full to the last byte".to_owned());
        match fs::remove_file(&self.reserve) {
            Ok(()) => tracing::warn!(
                store.reserve = %self.reserve.display(),
                "the disk is full; the reserve was given up, so that what is old can be removed"
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "the reserve could not be given up"),
        }
    }

    /// Makes the reserve if it is not there. Without it the store works, but can't help itself on a full disk.
    fn make_reserve(&self) {
        if self.reserve.exists() || self.no_reserve.load(Ordering::Relaxed) {
            return;
        }
        let made = File::create(&self.reserve).and_then(|file| allocate(&file));
        if let Err(error) = made {
            self.no_reserve.store(true, Ordering::Relaxed);
            // What there is of it would only look like a reserve; if it can't be removed, it is as little use.
            let _ = fs::remove_file(&self.reserve);
            tracing::warn!(store.reserve = %self.reserve.display(), %error, "there is no reserve for a full disk");
        }
    }
}

/// Takes the reserve's blocks. A file system that can't do so at once is left alone: a file of holes would reserve nothing.
fn allocate(file: &File) -> io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, RESERVE)?;
    Ok(())
}

/// Five in a hundred, but not less than 256 MiB and not more than 2 GiB.
fn by_rule(total: u64) -> u64 {
    (total / FREE_SHARE).clamp(FREE_MIN, FREE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_disk_is_kept_free_within_bounds() {
        let gib = 1024 * MIB;
        let table = [(gib, 256 * MIB), (20 * gib, gib), (4096 * gib, 2 * gib)];
        for (total, least) in table {
            assert_eq!(by_rule(total), least, "{total}");
        }
    }

    #[test]
    fn the_reserve_is_made_where_there_is_room_and_given_up_when_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let roomy: AskRoom = |_| Ok(DiskRoom { free: 100 * FREE_MAX, total: 100 * FREE_MAX });
        let space = Space::new(&folder.path().join("callbox.db"), None, roomy);
        let reserve = folder.path().join("callbox.reserve");
        space.look();
        assert_eq!(space.low(), None);
        assert_eq!(fs::metadata(&reserve).unwrap().len(), RESERVE);
        space.full();
        assert!(!reserve.exists());
        assert!(space.low().is_some());
        space.look();
        assert_eq!(space.low(), None);
        assert!(reserve.exists());
    }

    #[test]
    fn little_room_is_low_and_no_reserve_is_made_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let narrow: AskRoom = |_| Ok(DiskRoom { free: 255 * MIB, total: 1024 * MIB });
        let space = Space::new(&folder.path().join("callbox.db"), None, narrow);
        space.look();
        assert_eq!(space.low().unwrap(), "255 MiB are free, and callbox keeps 256 MiB");
        assert!(!folder.path().join("callbox.reserve").exists());
        let content = Space::new(&folder.path().join("callbox.db"), Some(MIB), narrow);
        content.look();
        assert_eq!(content.low(), None);
    }
}
