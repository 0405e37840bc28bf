//! SIGUSR2: the program that is on the disk now takes this one's place, with its process, its sockets, and nobody refused.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};

use crate::config::Started;
use crate::http::HandedOn;

/// The number of the first socket that is handed over, by systemd's convention.
const FIRST: i32 = 3;

/// What a connection is called when it is handed over.
const CONNECTION: &str = "connection";

/// What begins in our place: the program and the arguments that we were started with. A name without a slash is looked for in
/// `PATH` again, and links are followed again, so that it may be another release.
#[derive(Clone, Debug)]
pub(super) struct Next {
    program: OsString,
    arguments: Vec<OsString>,
    configuration: PathBuf,
}

impl Next {
    pub(super) fn of(started: Started, configuration: &Path) -> Self {
        let Started { program, arguments } = started;
        Self { program, arguments, configuration: configuration.to_owned() }
    }

    /// Has the next program judge the configuration, while everything runs on.
    #[expect(clippy::disallowed_methods, reason = "it waits for another program to end")]
    pub(super) async fn rehearse(&self) -> Result<()> {
        let mut check = Command::new(&self.program);
        check.args(["check", "--config"]).arg(&self.configuration);
        let name = self.program.to_string_lossy();
        let checked = tokio::task::spawn_blocking(move || check.output()).await?;
        let checked = checked.with_context(|| format!("can't start {name}"))?;
        if !checked.status.success() {
            let why = String::from_utf8_lossy(&checked.stderr);
            bail!("{name} refuses the configuration: {}", why.trim());
        }
        Ok(())
    }

    /// Begins in our place. It returns only if that failed.
    pub(super) fn begin(&self, handed_on: HandedOn) -> anyhow::Error {
        let HandedOn { listeners, connections } = handed_on;
        let connections = connections.into_iter().map(|connection| (CONNECTION, connection));
        let (names, sockets): (Vec<&str>, Vec<OwnedFd>) =
            listeners.into_iter().chain(connections).unzip();
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("LISTEN_FDS", sockets.len().to_string())
            .env("LISTEN_PID", std::process::id().to_string())
            .env("LISTEN_FDNAMES", names.join(":"));
        let mappings = sockets.into_iter().zip(FIRST..);
        let mappings = mappings.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
        if let Err(error) = command.fd_mappings(mappings.collect()) {
            return error.into();
        }
        let name = self.program.to_string_lossy();
        anyhow::Error::new(command.exec()).context(format!("can't start {name} in our place"))
    }
}
