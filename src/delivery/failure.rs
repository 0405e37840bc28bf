//! Why nothing, or nothing whole, came back from a destination: errors of the HTTP client turned into outcome and reason.

use std::error::Error;
use std::io;
use std::iter;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use super::connector::{CONNECT_TIMEOUT, refusal_in};
use crate::domain::delivery::Outcome;

/// The most characters of a reason: some causes quote what the other side sent.
const REASON_MAX: usize = 256;

/// Nothing came, or not all of it; and how the HTTP client says so of a connection without any answer.
const CLOSED: &str = "connection closed before the answer was whole";
const CLOSED_EARLY: &str = "connection closed before message completed";

/// What a server says that wants another client certificate.
const UNWANTED: [AlertDescription; 6] = [
    AlertDescription::CertificateRequired,
    AlertDescription::BadCertificate,
    AlertDescription::UnknownCA,
    AlertDescription::CertificateUnknown,
    AlertDescription::CertificateExpired,
    AlertDescription::AccessDenied,
];

/// What a server says that wants another kind of TLS.
const DISAGREED: [AlertDescription; 3] = [
    AlertDescription::HandshakeFailure,
    AlertDescription::ProtocolVersion,
    AlertDescription::InsufficientSecurity,
];

/// The outcome of an attempt that ended with this error, and the reason in words.
#[must_use]
pub fn classify(error: &reqwest::Error, timeout: Duration) -> (Outcome, String) {
    if let Some(refusal) = refusal_in(error) {
        return (Outcome::Refused, refusal.to_string());
    }
    if error.is_timeout() {
        let reason = if error.is_connect() && CONNECT_TIMEOUT < timeout {
            format!("no connection within {CONNECT_TIMEOUT:?}")
        } else {
            format!("no whole response within {timeout:?}")
        };
        return (Outcome::TimedOut, reason);
    }
    let reason = if error.is_dns() {
        format!("dns: {}", deepest(error))
    } else if let Some(reason) = causes(error).find_map(named) {
        reason
    } else if error.is_connect() {
        format!("connection failed: {}", deepest(error))
    } else if deepest(error) == CLOSED_EARLY {
        CLOSED.to_owned()
    } else {
        format!("malformed answer: {}", deepest(error))
    };
    (Outcome::Unreachable, reason.chars().take(REASON_MAX).collect())
}

/// An error and its causes, outermost first. An `io::Error` hides the error it wraps from `source()`, so it is asked by name.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| cause_of(*error))
}

fn cause_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn deepest(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// A reason for the causes that operators meet every day.
fn named(cause: &(dyn Error + 'static)) -> Option<String> {
    const BROKEN: [(io::ErrorKind, &str); 7] = [
        (io::ErrorKind::ConnectionRefused, "connection refused"),
        (io::ErrorKind::ConnectionReset, "connection reset"),
        (io::ErrorKind::ConnectionAborted, "connection reset"),
        (io::ErrorKind::BrokenPipe, "connection reset"),
        (io::ErrorKind::HostUnreachable, "no route to the host"),
        (io::ErrorKind::NetworkUnreachable, "no route to the host"),
        (io::ErrorKind::UnexpectedEof, CLOSED),
    ];
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(format!("tls: {}", tls_reason(tls)));
    }
    let kind = cause.downcast_ref::<io::Error>()?.kind();
    BROKEN.iter().find(|(known, _)| *known == kind).map(|(_, reason)| (*reason).to_owned())
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage, PeerIncompatible};
    if let InvalidCertificate(problem) = error {
        return certificate_reason(problem);
    }
    let known = [
        (matches!(error, InvalidMessage(_)), "the other side does not speak TLS"),
        (
            matches!(error, PeerIncompatible(_)),
            "the other side speaks only versions or ciphers that are not safe",
        ),
        (
            matches!(error, AlertReceived(alert) if UNWANTED.contains(alert)),
            "the other side refuses our certificate, or that we have none (client_cert)",
        ),
        (
            matches!(error, AlertReceived(alert) if DISAGREED.contains(alert)),
            "the other side found no version or cipher to agree on",
        ),
    ];
    let reason = known.into_iter().find(|(fits, _)| *fits);
    reason.map_or_else(|| error.to_string(), |(_, reason)| reason.to_owned())
}

fn certificate_reason(problem: &CertificateError) -> String {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, Revoked, UnknownIssuer,
    };
    let known = [
        (matches!(problem, Expired | ExpiredContext { .. }), "the certificate has expired"),
        (
            matches!(problem, NotValidYet | NotValidYetContext { .. }),
            "the certificate is not valid yet",
        ),
        (
            matches!(problem, NotValidForName | NotValidForNameContext { .. }),
            "the certificate is for another host",
        ),
        (
            matches!(problem, UnknownIssuer),
            "the certificate's issuer is unknown: it is self-signed, or of an authority that is not trusted (ca)",
        ),
        (is_own_authority(problem), "the certificate is self-signed"),
        (matches!(problem, Revoked), "the certificate was revoked"),
    ];
    let reason = known.into_iter().find(|(fits, _)| *fits);
    reason.map_or_else(|| problem.to_string(), |(_, reason)| reason.to_owned())
}

/// Whether a server shows the certificate of an authority as its own, as who signs for himself often does.
fn is_own_authority(problem: &CertificateError) -> bool {
    matches!(problem, CertificateError::Other(_))
        && problem.to_string().contains("CaUsedAsEndEntity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_refused_with_their_reason() {
        let table = [
            (CertificateError::Expired, "tls: the certificate has expired"),
            (CertificateError::NotValidYet, "tls: the certificate is not valid yet"),
            (
                CertificateError::UnknownIssuer,
                "tls: the certificate's issuer is unknown: it is self-signed, or of an authority that is not trusted (ca)",
            ),
            (CertificateError::NotValidForName, "tls: the certificate is for another host"),
            (CertificateError::Revoked, "tls: the certificate was revoked"),
        ];
        for (problem, reason) in table {
            // As the HTTP client hands it on: inside an io::Error, inside another.
            let tls = rustls::Error::InvalidCertificate(problem);
            let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
            assert_eq!(causes(&error).find_map(named).unwrap(), reason);
        }
    }

    #[test]
    fn broken_connections_have_names() {
        let table = [
            (io::ErrorKind::ConnectionRefused, Some("connection refused")),
            (io::ErrorKind::ConnectionReset, Some("connection reset")),
            (io::ErrorKind::BrokenPipe, Some("connection reset")),
            (io::ErrorKind::NetworkUnreachable, Some("no route to the host")),
            (io::ErrorKind::OutOfMemory, None),
        ];
        for (kind, reason) in table {
            let error = io::Error::other(io::Error::from(kind));
            assert_eq!(causes(&error).find_map(named).as_deref(), reason, "{kind:?}");
        }
    }
}
