//! What systemd is told of a service with `Type=notify`; without systemd nobody is told anything.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::app::Pulse;
use crate::clock::Clock;
use crate::config::Supervised;

/// Connections that go with one message; the system takes 253.
const KEPT_AT_ONCE: usize = 128;

/// It takes callbacks; `status` says so to people.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It reads its configuration again, or lets another release take its place; after that it is ready again.
pub(super) fn reloading(status: &str) {
    let reloading = [NotifyState::Reloading, NotifyState::Status(status)];
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[&reloading[..], &[now]].concat()),
        Err(_) => tell(&reloading),
    }
}

/// It stops.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what was begun")]);
}

/// Whether systemd may take connections over: it does so with `FileDescriptorStoreMax=`. Newer ones say how many; an older one is
/// offered them anyway.
pub(super) fn keeps_connections() -> bool {
    Supervised::of_the_process().keeps_connections
}

/// Leaves connections with systemd, which hands them to the next start. If there is none, or the unit keeps none, they are closed.
pub(super) fn keep(connections: &[OwnedFd]) {
    for some in connections.chunks(KEPT_AT_ONCE) {
        let some: Vec<BorrowedFd<'_>> = some.iter().map(AsFd::as_fd).collect();
        let state = [NotifyState::FdStore, NotifyState::FdName("connection")];
        if let Err(error) = sd_notify::notify_with_fds(&state, &some) {
            tracing::warn!(%error, "connections could not be left with systemd; they are closed");
        }
    }
}

/// Tells systemd's watchdog, if there is one, that we live, for as long as it is so.
pub(super) async fn watch(pulse: Pulse, clock: Arc<dyn Clock>) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    let rest = patience.checked_div(3).unwrap_or(Duration::from_secs(1));
    loop {
        // Not to be heard of in time is what counts, so nothing is said of a heart that stands still.
        match pulse.felt(rest).await {
            Ok(()) => tell(&[NotifyState::Watchdog]),
            Err(reason) => tracing::error!("systemd's watchdog is not fed: {reason}"),
        }
        clock.sleep(rest).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd could not be told how callbox stands");
    }
}
