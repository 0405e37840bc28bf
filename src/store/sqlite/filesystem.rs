//! What the disk under the store is like: refuse what can't keep the promise, warn of what may not.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use super::refusal::OpenError;
use crate::clock::Clock;

/// Syncs that are timed, of 4 KiB each.
const PROBES: usize = 32;

/// A sync that is faster than this did not reach a disk.
const FLUSH_MIN: Duration = Duration::from_micros(30);

/// Less free space than this is worth a warning, in bytes.
const FREE_MIN: u64 = 256 * 1024 * 1024;

/// File systems by the number that `statfs` gives them (Linux).
const KINDS: [(u64, &str, bool); 8] = [
    (0x6969, "NFS", false),
    (0xff53_4d42, "CIFS", false),
    (0xfe53_4d42, "SMB2", false),
    (0x517b, "SMB", false),
    (0x0102_1997, "9p", false),
    (0x6573_5546, "FUSE", true),
    (0x794c_7630, "overlayfs", true),
    (0x0102_1994, "tmpfs", true),
];

/// Refuses network file systems, warns of those that live in memory, in a container's layer or in user space.
pub(super) fn check(directory: &Path) -> Result<(), OpenError> {
    let Ok(found) = rustix::fs::statfs(directory) else { return Ok(()) };
    #[expect(
        clippy::cast_sign_loss,
        reason = "the number is a bit pattern; its type differs between systems"
    )]
    let number = found.f_type as u64 & 0xffff_ffff;
    for (known, kind, usable) in KINDS {
        if known == number && !usable {
            return Err(OpenError::Network { path: directory.to_owned(), kind });
        }
        if known == number {
            tracing::warn!(
                store.directory = %directory.display(),
                "the store is on {kind}: what was acknowledged lives as long as that does; use a volume on a local disk"
            );
        }
    }
    Ok(())
}

/// Warns where a sync seems not to reach a disk, and where there is little space.
pub(super) fn probe(directory: &Path, clock: &dyn Clock) {
    match flush_time(directory, clock) {
        Ok(median) if median < FLUSH_MIN => tracing::warn!(
            store.directory = %directory.display(),
            "a sync takes {median:?}: it is not reaching a disk (a volatile cache, a disk in memory, eatmydata?)"
        ),
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(store.directory = %directory.display(), %error, "could not time a sync");
        }
    }
    if let Ok(space) = rustix::fs::statvfs(directory) {
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        if free < FREE_MIN {
            tracing::warn!(store.directory = %directory.display(), disk.free_bytes = free, "the disk is nearly full");
        }
    }
}

/// The median time of a 4 KiB write with its sync.
fn flush_time(directory: &Path, clock: &dyn Clock) -> std::io::Result<Duration> {
    let path = directory.join("callbox.probe");
    let file = File::options().create(true).truncate(true).write(true).open(&path)?;
    let block = [0x5a; 4096];
    let mut times = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        let start = clock.elapsed();
        file.write_all_at(&block, 0)?;
        file.sync_data()?;
        times.push(clock.elapsed().saturating_sub(start));
    }
    std::fs::remove_file(&path)?;
    times.sort();
    Ok(times.get(PROBES / 2).copied().unwrap_or_default())
}
