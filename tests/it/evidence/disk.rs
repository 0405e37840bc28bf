//! A disk as a power cut leaves it: what was synced is there; of the rest some is, in any order, some of it torn.

use std::collections::BTreeMap;
use std::path::Path;

use callbox::random::Random;

use super::trace::{Moment, What};

/// What of a write can be lost by itself, in bytes.
const TEARS: [usize; 2] = [512, 4_096];

/// What is not part of the store: the lock, the reserve, and what is shared in memory only.
const LEFT_OUT: [&str; 4] = [".lock", ".reserve", ".probe", "-shm"];

/// The files of one directory: what of them is on the disk, and what is only on its way there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// The names as the program sees them, and as the disk has them.
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// What was done to the names since, with the lines.
    renaming: Vec<(usize, Naming)>,
}

#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    /// As the program sees it.
    length: usize,
    /// What was done to it since, with the lines.
    underway: Vec<(usize, Change)>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

#[derive(Clone, Debug)]
enum Naming {
    Is(String, usize),
    IsNot(String),
    /// Both at once, or neither.
    Becomes(String, String, usize),
}

/// What a power cut does with that which was on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// All of it is lost.
    Nothing,
    /// All of it arrived.
    Everything,
    /// The first part of it arrived, in order; the last write of it is torn.
    Beginning,
    /// Some of it arrived, in any order, each write whole.
    Some,
    /// Some of it arrived, in any order, and of each write some pieces of this size.
    Torn(usize),
}

pub(crate) const CUTS: [Cut; 6] = [
    Cut::Torn(TEARS[0]),
    Cut::Nothing,
    Cut::Some,
    Cut::Torn(TEARS[1]),
    Cut::Beginning,
    Cut::Everything,
];

/// What a power cut leaves: the files by name.
pub(crate) type Image = Vec<(String, Vec<u8>)>;

impl Disk {
    /// The files of a directory that is at rest.
    pub(crate) fn of(directory: &Path) -> Self {
        let mut disk = Self::default();
        let Ok(found) = std::fs::read_dir(directory) else { return disk };
        for file in found {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            if is_left_out(&name) {
                continue;
            }
            let synced = std::fs::read(file.path()).unwrap();
            disk.synced_names.insert(name, disk.files.len());
            disk.files.push(File { length: synced.len(), synced, underway: Vec::new() });
        }
        disk.names = disk.synced_names.clone();
        disk
    }

    /// Follows what the program did.
    pub(crate) fn follow(&mut self, moment: Moment) {
        let line = moment.line;
        match moment.what {
            What::Acknowledged { .. } => {}
            What::SyncedNames { since } => self.sync_names(since),
            What::Made { name } => {
                if !is_left_out(&name) && !self.names.contains_key(&name) {
                    let number = self.files.len();
                    self.files.push(File::default());
                    self.rename(line, Naming::Is(name, number));
                }
            }
            What::Removed { name } => {
                if self.names.contains_key(&name) {
                    self.rename(line, Naming::IsNot(name));
                }
            }
            What::Renamed { from, to } => {
                if let Some(number) = self.names.get(&from).copied() {
                    self.rename(line, Naming::Becomes(from, to, number));
                }
            }
            What::Wrote { name, at, bytes } => {
                let Some(file) = self.file(&name) else { return };
                let at = at.unwrap_or(file.length);
                file.length = file.length.max(at + bytes.len());
                file.underway.push((line, Change::Write { at, bytes }));
            }
            What::Cut { name, length } => {
                let Some(file) = self.file(&name) else { return };
                file.length = length;
                file.underway.push((line, Change::Cut(length)));
            }
            What::Synced { name, since } => {
                let Some(file) = self.file(&name) else { return };
                let later = file.underway.partition_point(|(line, _)| *line < since);
                for (_, change) in file.underway.drain(..later) {
                    change.arrive(&mut file.synced);
                }
            }
        }
    }

    fn file(&mut self, name: &str) -> Option<&mut File> {
        let number = *self.names.get(name)?;
        self.files.get_mut(number)
    }

    fn rename(&mut self, line: usize, naming: Naming) {
        naming.arrive(&mut self.names);
        self.renaming.push((line, naming));
    }

    fn sync_names(&mut self, since: usize) {
        let later = self.renaming.partition_point(|(line, _)| *line < since);
        for (_, naming) in self.renaming.drain(..later) {
            naming.arrive(&mut self.synced_names);
        }
    }

    /// What a power cut leaves of it now.
    pub(crate) fn after(&self, cut: Cut, random: &Random) -> Image {
        let mut names = self.synced_names.clone();
        // A file system keeps the order of what is done to names.
        let arrived = match cut {
            Cut::Nothing => 0,
            Cut::Everything => self.renaming.len(),
            Cut::Beginning | Cut::Some | Cut::Torn(_) => random.below(self.renaming.len() + 1),
        };
        for (_, naming) in &self.renaming[..arrived] {
            naming.arrive(&mut names);
        }
        let left = names.into_iter().map(|(name, number)| {
            let bytes = self.files[number].after(cut, random);
            (name, bytes)
        });
        left.collect()
    }
}

impl File {
    fn after(&self, cut: Cut, random: &Random) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        let mut changes: Vec<&Change> = self.underway.iter().map(|(_, change)| change).collect();
        match cut {
            Cut::Nothing => {}
            Cut::Everything => changes.iter().for_each(|change| change.arrive(&mut bytes)),
            Cut::Beginning => {
                let whole = random.below(changes.len() + 1);
                changes[..whole].iter().for_each(|change| change.arrive(&mut bytes));
                if let Some(last) = changes.get(whole) {
                    last.arrive_torn(&mut bytes, TEARS[0], random);
                }
            }
            Cut::Some | Cut::Torn(_) => {
                shuffle(&mut changes, random);
                let share = 1 + random.below(10);
                for change in changes.into_iter().filter(|_| random.below(10) < share) {
                    if let Cut::Torn(piece) = cut {
                        change.arrive_torn(&mut bytes, piece, random);
                    } else {
                        change.arrive(&mut bytes);
                    }
                }
            }
        }
        bytes
    }
}

impl Change {
    fn arrive(&self, file: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => file.resize(*length, 0),
            Self::Write { at, bytes } => put(file, *at, bytes),
        }
    }

    /// Of a write, only some pieces arrive: whole sectors of the disk, never parts of one.
    fn arrive_torn(&self, file: &mut Vec<u8>, piece: usize, random: &Random) {
        let Self::Write { at, bytes } = self else { return self.arrive(file) };
        let mut start = 0;
        while start < bytes.len() {
            let place = at + start;
            let end = bytes.len().min(start + piece - place % piece);
            if random.below(2) == 0 {
                put(file, place, &bytes[start..end]);
            }
            start = end;
        }
    }
}

impl Naming {
    fn arrive(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Is(name, number) => names.insert(name.clone(), *number),
            Self::IsNot(name) => names.remove(name),
            Self::Becomes(from, to, number) => {
                names.remove(from);
                names.insert(to.clone(), *number)
            }
        };
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

fn shuffle<T>(items: &mut [T], random: &Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.iter().any(|ending| name.ends_with(ending))
}
