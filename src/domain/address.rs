//! Which addresses deliveries may go to: public ones, and what a destination lists by itself.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub use super::destination_url::{UrlRefusal, check_url, literal_address};

/// Judges the addresses that one destination's connections would go to.
#[derive(Clone, Debug, Default)]
pub struct AddressGuard {
    /// Networks that are let through although they are not public.
    pub allow_subnets: Vec<IpNet>,
    /// The addresses we listen on ourselves: a delivery to one of them would come back as a callback, for ever.
    pub own_listeners: Vec<SocketAddr>,
}

impl AddressGuard {
    /// Lets an address pass, or says why not.
    pub fn judge(&self, address: SocketAddr) -> Result<(), Refusal> {
        let ip = inner(address.ip());
        if self.is_own(ip, address.port()) {
            return Err(Refusal { ip, class: Class::OwnListener });
        }
        let Some(class) = class_of(ip) else { return Ok(()) };
        let listed = |net: &IpNet| net.contains(&ip) || net.contains(&address.ip());
        if self.allow_subnets.iter().any(listed) { Ok(()) } else { Err(Refusal { ip, class }) }
    }

    /// Whether a listener of ours takes this port on every address of the machine. Which ones those are can't be told from here.
    #[must_use]
    pub fn listens_everywhere(&self, port: u16) -> bool {
        self.own_listeners
            .iter()
            .any(|own| own.port() == port && own.ip().to_canonical().is_unspecified())
    }

    /// A listener on every address answers on loopback ones too.
    fn is_own(&self, ip: IpAddr, port: u16) -> bool {
        self.own_listeners.iter().any(|own| own.port() == port && own.ip().to_canonical() == ip)
            || (self.listens_everywhere(port) && (ip.is_loopback() || ip.is_unspecified()))
    }
}

/// The address guard let nothing through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ip} is refused: {class}")]
pub struct Refusal {
    /// The address, an embedded IPv4 one as such.
    pub ip: IpAddr,
    /// What kind of address it is.
    pub class: Class,
}

/// Kinds of addresses that are not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// This machine.
    Loopback,
    /// A network of somebody's own.
    Private,
    /// The same wire.
    LinkLocal,
    /// Where clouds hand credentials to their machines.
    Metadata,
    /// Between a provider and its customers.
    Shared,
    /// No address at all.
    Unspecified,
    /// A group of machines.
    Multicast,
    /// Everybody on the wire.
    Broadcast,
    /// For examples in books.
    Documentation,
    /// For measurements.
    Benchmarking,
    /// Addresses that carry others inside, where we can't see what they lead to.
    Tunnel,
    /// Set aside by IANA for something else, or for later.
    Reserved,
    /// One of our own listeners.
    OwnListener,
}

impl Class {
    /// The word for it in reasons.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Shared => "shared",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Tunnel => "tunnel",
            Self::Reserved => "reserved",
            Self::OwnListener => "our own listener",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

/// The first network that holds an address says its class: IANA's special-purpose registry, and where clouds keep their metadata.
const NOT_PUBLIC_V4: [(Ipv4Net, Class); 23] = [
    (v4(169, 254, 169, 254, 32), Class::Metadata), // most clouds
    (v4(168, 63, 129, 16, 32), Class::Metadata),   // Azure
    (v4(100, 100, 100, 200, 32), Class::Metadata), // Alibaba
    (v4(192, 0, 0, 192, 32), Class::Metadata),     // Oracle
    (v4(0, 0, 0, 0, 8), Class::Unspecified),
    (v4(10, 0, 0, 0, 8), Class::Private),
    (v4(100, 64, 0, 0, 10), Class::Shared),
    (v4(127, 0, 0, 0, 8), Class::Loopback),
    (v4(169, 254, 0, 0, 16), Class::LinkLocal),
    (v4(172, 16, 0, 0, 12), Class::Private),
    (v4(192, 0, 0, 0, 24), Class::Reserved),
    (v4(192, 0, 2, 0, 24), Class::Documentation),
    (v4(192, 31, 196, 0, 24), Class::Reserved),
    (v4(192, 52, 193, 0, 24), Class::Tunnel),
    (v4(192, 88, 99, 0, 24), Class::Tunnel),
    (v4(192, 168, 0, 0, 16), Class::Private),
    (v4(192, 175, 48, 0, 24), Class::Reserved),
    (v4(198, 18, 0, 0, 15), Class::Benchmarking),
    (v4(198, 51, 100, 0, 24), Class::Documentation),
    (v4(203, 0, 113, 0, 24), Class::Documentation),
    (v4(224, 0, 0, 0, 4), Class::Multicast),
    (v4(255, 255, 255, 255, 32), Class::Broadcast),
    (v4(240, 0, 0, 0, 4), Class::Reserved),
];

/// As above; what is in none of these and not in [`GLOBAL_UNICAST`] is reserved.
const NOT_PUBLIC_V6: [(Ipv6Net, Class); 9] = [
    (Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128), Class::Metadata),
    (v6(0xfc00, 0, 7), Class::Private),
    (v6(0xfe80, 0, 10), Class::LinkLocal),
    (v6(0xfec0, 0, 10), Class::Private),
    (v6(0xff00, 0, 8), Class::Multicast),
    (v6(0x2001, 0, 23), Class::Reserved),
    (v6(0x2001, 0xdb8, 32), Class::Documentation),
    (v6(0x2002, 0, 16), Class::Tunnel),
    (v6(0x3fff, 0, 20), Class::Documentation),
];

/// All that IANA has given to the public IPv6 internet.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// IPv4 addresses that a translator makes IPv6 ones of (RFC 6052).
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// IPv4-compatible addresses, long out of use (RFC 4291, 2.5.5.1).
const COMPATIBLE: Ipv6Net = v6(0, 0, 96);

/// What kind of address this is; `None` for a public one.
fn class_of(ip: IpAddr) -> Option<Class> {
    let ip = match ip {
        IpAddr::V4(ip) => {
            let found = NOT_PUBLIC_V4.iter().find(|(net, _)| net.contains(&ip));
            return found.map(|(_, class)| *class);
        }
        IpAddr::V6(Ipv6Addr::LOCALHOST) => return Some(Class::Loopback),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => return Some(Class::Unspecified),
        IpAddr::V6(ip) => ip,
    };
    let found = NOT_PUBLIC_V6.iter().find(|(net, _)| net.contains(&ip));
    let reserved = (!GLOBAL_UNICAST.contains(&ip)).then_some(Class::Reserved);
    found.map(|(_, class)| *class).or(reserved)
}

/// The IPv4 address inside a mapped, compatible or NAT64 one; else the address as it is.
fn inner(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip.to_canonical() else { return ip.to_canonical() };
    let whole = v6 == Ipv6Addr::LOCALHOST || v6 == Ipv6Addr::UNSPECIFIED;
    if whole || !(NAT64.contains(&v6) || COMPATIBLE.contains(&v6)) {
        return IpAddr::V6(v6);
    }
    let [.., a, b, c, d] = v6.octets();
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(guard: &AddressGuard, ip: &str) -> Option<Class> {
        let address = SocketAddr::new(ip.parse().unwrap(), 443);
        guard.judge(address).err().map(|refusal| refusal.class)
    }

    #[test]
    fn only_public_addresses_pass() {
        use Class::{
            Benchmarking, Broadcast, Documentation, LinkLocal, Loopback, Metadata, Multicast,
            Private, Reserved, Shared, Tunnel, Unspecified,
        };
        let table = [
            ("1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0", None),
            ("126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255", None),
            ("172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255", None),
            ("198.20.0.0 223.255.255.255 168.63.129.15 192.0.3.0", None),
            ("0.0.0.0 0.1.2.3", Some(Unspecified)),
            ("10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1", Some(Private)),
            ("100.64.0.1 100.127.255.255", Some(Shared)),
            ("127.0.0.1 127.255.255.255", Some(Loopback)),
            ("169.254.0.1 169.254.255.255", Some(LinkLocal)),
            ("169.254.169.254 168.63.129.16 100.100.100.200 192.0.0.192", Some(Metadata)),
            ("192.0.0.1 192.31.196.1 192.175.48.1 240.0.0.1 255.255.255.254", Some(Reserved)),
            ("192.0.2.1 198.51.100.255 203.0.113.0", Some(Documentation)),
            ("198.18.0.0 198.19.255.255", Some(Benchmarking)),
            ("192.88.99.1 192.52.193.1", Some(Tunnel)),
            ("224.0.0.1 239.255.255.255", Some(Multicast)),
            ("255.255.255.255", Some(Broadcast)),
            ("2606:4700:4700::1111 2000::1 2001:200::1 2001:db7:: 2003::1 3ffe:ffff::1", None),
            ("3fff:1000::1", None),
            ("::1", Some(Loopback)),
            ("::", Some(Unspecified)),
            ("fc00::1 fdff::1 fec0::1", Some(Private)),
            ("fd00:ec2::254", Some(Metadata)),
            ("fe80::1 febf::1", Some(LinkLocal)),
            ("ff02::1", Some(Multicast)),
            ("2001:: 2001:0:1:: 2001:1ff::1", Some(Reserved)),
            ("2001:db8::1 3fff::1 3fff:fff::1", Some(Documentation)),
            ("2002:7f00:1::", Some(Tunnel)),
            ("1fff::1 4000::1 5f00::1 64:ff9b:1::1 100::1 ::ffff:0:7f00:1", Some(Reserved)),
            ("::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1", Some(Loopback)),
            ("::ffff:169.254.169.254 64:ff9b::a9fe:a9fe", Some(Metadata)),
            ("::ffff:1.1.1.1 64:ff9b::101:101 ::1.1.1.1", None),
        ];
        for (ips, class) in table {
            for ip in ips.split(' ') {
                assert_eq!(judged(&AddressGuard::default(), ip), class, "{ip}");
            }
        }
    }

    #[test]
    fn a_destination_can_list_exceptions_in_any_notation_of_the_address() {
        let guard = AddressGuard {
            allow_subnets: ["127.0.0.0/8", "fd00::/16"].map(|net| net.parse().unwrap()).to_vec(),
            own_listeners: Vec::new(),
        };
        for ip in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd00::1", "1.1.1.1"] {
            assert_eq!(judged(&guard, ip), None, "{ip}");
        }
        for ip in ["10.0.0.1", "::1", "fd01::1", "::ffff:10.0.0.1"] {
            assert!(judged(&guard, ip).is_some(), "{ip}");
        }
    }

    #[test]
    fn our_own_listeners_are_refused_whatever_is_allowed() {
        let guard = AddressGuard {
            allow_subnets: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
            own_listeners: ["127.0.0.1:8080", "0.0.0.0:8081"].map(|it| it.parse().unwrap()).into(),
        };
        let table = [
            ("127.0.0.1:8080", false),
            ("[::ffff:127.0.0.1]:8080", false),
            ("127.0.0.1:8081", false),
            ("[::1]:8081", false),
            ("0.0.0.0:8081", false),
            ("127.0.0.1:8082", true),
            ("127.0.0.2:8080", true),
            ("192.168.1.1:8080", true),
        ];
        for (address, passes) in table {
            assert_eq!(guard.judge(address.parse().unwrap()).is_ok(), passes, "{address}");
        }
    }

    #[test]
    fn a_refusal_names_the_address_and_its_class() {
        let refusal = AddressGuard::default().judge("[::ffff:10.1.2.3]:80".parse().unwrap());
        assert_eq!(refusal.unwrap_err().to_string(), "10.1.2.3 is refused: private");
    }
}
