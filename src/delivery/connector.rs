//! The HTTP client of one destination: it connects only to addresses that the guard lets pass, and follows nothing.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Identity, redirect, tls};
use url::Url;

use crate::domain::address::{AddressGuard, Class, Refusal};
use crate::domain::destination::Tls;

/// The longest that looking up, connecting and the TLS handshake take together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection is kept open that nothing is sent over: less than the 5 s of those servers that close theirs the soonest, so
/// that an attempt is not sent over one that is just being closed.
const IDLE_TIME: Duration = Duration::from_secs(4);

/// A port to ask the system about; any would do.
const DISCARD: u16 = 9;

/// A client for one destination alone, so that no other's pool, certificates or guard apply to it. Proxy variables of the
/// environment are ignored: a proxy would connect where the guard cannot see it. Connections are kept for the next attempt, as many
/// as attempts go on at a time: to connect anew takes longer than to send.
///
/// An address in the URL itself is never looked up: judge it before sending.
pub fn connect(
    url: &Url,
    trust: &Tls,
    guard: Arc<AddressGuard>,
    attempts: usize,
) -> reqwest::Result<reqwest::Client> {
    // An error means that a provider is installed already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let mut builder = reqwest::Client::builder()
        .dns_resolver(GuardedResolver { guard, port })
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("callbox/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(attempts);
    if url.scheme() == "https" {
        if let Some(ca) = &trust.ca {
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(ca.as_bytes())?);
        }
        if let Some(identity) = &trust.identity {
            builder = builder.identity(Identity::from_pem(identity.expose().as_bytes())?);
        }
        builder.https_only(true).tls_version_min(tls::Version::TLS_1_2).build()
    } else {
        // Plain HTTP asks for no certificates, so a machine without any can still deliver.
        builder.tls_certs_only([]).build()
    }
}

/// Looks names up by the system's own rules, and hands on only addresses that the guard lets pass. They are the ones dialled, so
/// a name that answers differently the next time gains nothing.
#[derive(Debug)]
struct GuardedResolver {
    guard: Arc<AddressGuard>,
    port: u16,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, port) = (Arc::clone(&self.guard), self.port);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), port)).await?;
            let passed = pass(&guard, found)?;
            Ok(Box::new(passed.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be dialled.
fn pass(
    guard: &AddressGuard,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let (mut passed, mut refused) = (Vec::new(), None);
    for address in found {
        match judge(guard, address) {
            Ok(()) => passed.push(address),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    match refused {
        Some(refusal) if passed.is_empty() => Err(refusal.into()),
        Some(_) | None if !passed.is_empty() => Ok(passed),
        Some(_) | None => Err("the name has no address".into()),
    }
}

/// Lets an address pass, or says why not: the guard's word, and for a listener of ours on every address, the machine's.
pub(super) fn judge(guard: &AddressGuard, address: SocketAddr) -> Result<(), Refusal> {
    guard.judge(address)?;
    if guard.listens_everywhere(address.port()) && is_this_machine(address.ip()) {
        return Err(Refusal { ip: address.ip(), class: Class::OwnListener });
    }
    Ok(())
}

/// Whether the address is one of this machine's: then the system would speak to it from itself. Nothing is sent.
fn is_this_machine(ip: IpAddr) -> bool {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, DISCARD))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == ip)
}

/// The guard's refusal among the causes of an error, if that is what it was.
#[must_use]
pub fn refusal_in(error: &reqwest::Error) -> Option<Refusal> {
    super::failure::causes(error).find_map(|cause| cause.downcast_ref::<Refusal>().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_refused_on_each_of_them() {
        let guard = AddressGuard {
            allow_subnets: vec!["0.0.0.0/0".parse().unwrap()],
            own_listeners: vec!["0.0.0.0:8080".parse().unwrap()],
        };
        let outward = UdpSocket::bind("0.0.0.0:0").unwrap();
        let own = outward.connect(("203.0.113.1", DISCARD)).and_then(|()| outward.local_addr());
        // A machine without a network has its loopback address alone.
        let own = own.map_or(Ipv4Addr::LOCALHOST.into(), |address| address.ip());
        assert!(is_this_machine(own), "{own}");
        for (ip, port, passes) in
            [(own, 8080, false), (own, 8081, true), ("203.0.113.1".parse().unwrap(), 8080, true)]
        {
            let judged = judge(&guard, SocketAddr::new(ip, port));
            assert_eq!(judged.is_ok(), passes, "{ip}:{port} {judged:?}");
        }
    }

    #[test]
    fn only_public_ones_of_a_name_s_addresses_are_dialled() {
        let guard = AddressGuard::default();
        let addresses = |text: &str| -> Vec<SocketAddr> {
            text.split_whitespace().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect()
        };
        let dialled = |text: &str| pass(&guard, addresses(text).into_iter());
        assert_eq!(dialled("1.1.1.1 ::1").unwrap(), addresses("1.1.1.1"));
        assert_eq!(dialled("127.0.0.1 1.1.1.1").unwrap(), addresses("1.1.1.1"));
        let refusal = dialled("10.0.0.1 ::1").unwrap_err();
        assert_eq!(refusal.to_string(), "10.0.0.1 is refused: private");
        assert!(refusal.is::<Refusal>());
        assert_eq!(dialled("").unwrap_err().to_string(), "the name has no address");
    }
}
