//! What who started us gave us: sockets, a program and its arguments. It may be systemd, or the callbox that was here before.

use std::ffi::OsString;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// The sockets that were handed over: as systemd does it, by `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Those that are listened on, with their names, which may be empty.
    pub listeners: Vec<(String, TcpListener)>,
    /// Connections.
    pub connections: Vec<TcpStream>,
}

impl Inherited {
    /// Takes what was handed to this process, once: after that there is nothing more.
    ///
    /// # Errors
    /// If something was handed over that is no TCP socket.
    pub fn take() -> io::Result<Self> {
        let names = std::env::var_os("LISTEN_FDNAMES").unwrap_or_default();
        let names = names.to_string_lossy().into_owned();
        let mut names = names.split(':');
        let mut handed = ListenFd::from_env();
        let mut taken = Self::default();
        for index in 0..handed.len() {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = handed.take_tcp_listener(index).map_err(|error| {
                let place = index + 1;
                let why = format!("socket {place} of LISTEN_FDS (`{name}`) can't be used: {error}");
                io::Error::new(error.kind(), why)
            })?;
            let Some(socket) = socket else { continue };
            if socket_acceptconn(&socket)? {
                taken.listeners.push((name, socket));
            } else {
                taken.connections.push(TcpStream::from(OwnedFd::from(socket)));
            }
        }
        Ok(taken)
    }

    /// Whether nothing was handed over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }
}

/// What this process was started with.
#[derive(Clone, Debug)]
pub struct Started {
    /// The program, as it was called.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Started {
    /// The process's own.
    #[must_use]
    pub fn of_the_process() -> Self {
        let mut words = std::env::args_os();
        let program = words.next().unwrap_or_else(|| "callbox".into());
        Self { program, arguments: words.collect() }
    }
}

/// What watches over this process.
#[derive(Clone, Copy, Debug)]
pub struct Supervised {
    /// Whether connections can be left with it for the next start.
    pub keeps_connections: bool,
}

impl Supervised {
    /// What the environment says.
    #[must_use]
    pub fn of_the_process() -> Self {
        let is_there = std::env::var_os("NOTIFY_SOCKET").is_some();
        // systemd 254 and later say how many they keep.
        let keeps = std::env::var_os("FDSTORE").is_none_or(|number| number != "0");
        Self { keeps_connections: is_there && keeps }
    }
}
