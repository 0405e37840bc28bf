//! The two sockets that are listened on: bound by us, or handed over by who started us.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use crate::config::Inherited;

/// Connections that the system may hold for us before they are taken.
const BACKLOG: i32 = 1_024; // for a burst of vendors' connections

/// What the vendors' socket is called when it is handed over.
const VENDORS: &str = "vendors";

/// What the API's socket is called when it is handed over.
const API: &str = "api";

/// The two sockets; nothing is taken from them yet.
#[derive(Debug)]
pub struct Listeners {
    pub(super) vendors: TcpListener,
    pub(super) api: TcpListener,
    /// Connections of vendors that the callbox before us had, and that were at rest.
    pub(super) connections: Vec<TcpStream>,
    /// Where vendors push.
    pub vendors_address: SocketAddr,
    /// Where questions are asked.
    pub api_address: SocketAddr,
}

/// What is handed on to the callbox that comes next.
#[derive(Debug)]
pub struct HandedOn {
    /// The sockets that are listened on, by name. Who pushes meanwhile waits in their queues.
    pub listeners: Vec<(&'static str, OwnedFd)>,
    /// Connections of vendors that were at rest.
    pub connections: Vec<OwnedFd>,
}

impl Listeners {
    /// Takes what was handed over, by its name, else by its address, else in order: vendors first. Binds what is missing; the error
    /// names the address.
    pub fn take(vendors: SocketAddr, api: SocketAddr, inherited: Inherited) -> io::Result<Self> {
        let Inherited { mut listeners, connections } = inherited;
        let given = (find(&mut listeners, VENDORS, vendors), find(&mut listeners, API, api));
        let mut left = listeners.into_iter().map(|(_, socket)| socket);
        let vendors = ready(given.0.or_else(|| left.next()), "server.listen", vendors)?;
        let api = ready(given.1.or_else(|| left.next()), "api.listen", api)?;
        if left.next().is_some() {
            tracing::warn!(
                "more sockets were handed over than callbox listens on; they are closed"
            );
        }
        let (vendors_address, api_address) = (vendors.local_addr()?, api.local_addr()?);
        let of_vendors = |stream: &TcpStream| {
            stream.local_addr().is_ok_and(|address| address.port() == vendors_address.port())
        };
        let connections: Vec<TcpStream> = connections.into_iter().filter(of_vendors).collect();
        connections.iter().try_for_each(|stream| stream.set_nonblocking(true))?;
        Ok(Self { vendors, api, connections, vendors_address, api_address })
    }

    /// The sockets once more, for who comes next.
    pub fn again(&self) -> io::Result<Vec<(&'static str, OwnedFd)>> {
        let (vendors, api) = (self.vendors.try_clone()?, self.api.try_clone()?);
        Ok(vec![(VENDORS, vendors.into()), (API, api.into())])
    }
}

/// Takes a socket out of those that were handed over.
fn find(
    listeners: &mut Vec<(String, TcpListener)>,
    name: &str,
    address: SocketAddr,
) -> Option<TcpListener> {
    let named = listeners.iter().position(|(known, _)| known == name);
    let found = named.or_else(|| {
        listeners.iter().position(|(_, socket)| socket.local_addr().is_ok_and(|at| at == address))
    });
    found.map(|index| listeners.remove(index).1)
}

/// The socket that was handed over, else one that is bound to the address of this key.
fn ready(given: Option<TcpListener>, key: &str, address: SocketAddr) -> io::Result<TcpListener> {
    let Some(given) = given else { return bind(address) };
    given.set_nonblocking(true)?;
    let at = given.local_addr()?;
    if at != address && address.port() != 0 {
        tracing::warn!(
            "listening on {at}, which was handed over, and not on {address}, which `{key}` says: stop and start to change it"
        );
    }
    Ok(given)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).map_err(|error| {
        let in_use = error.kind() == io::ErrorKind::AddrInUse;
        let hint = if in_use { "; is another callbox running?" } else { "" };
        io::Error::new(error.kind(), format!("can't listen on {address}: {error}{hint}"))
    })?;
    rustix::net::listen(&bound, BACKLOG)?;
    bound.set_nonblocking(true)?;
    Ok(bound)
}
