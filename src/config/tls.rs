//! The keys `ca`, `client_cert` and `client_key` of a destination: PEM that is read, and proved to fit together, at the start.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use url::Url;

use super::judge::Judge;
use super::raw::{RawDestination, Text};
use super::secrets::secret;
use crate::domain::destination::Tls;
use crate::domain::secret::Secret;

/// How every part of PEM begins.
const PEM: &str = "-----BEGIN ";

pub(super) fn tls(raw: &RawDestination, url: Option<&Url>, judge: &mut Judge<'_>) -> Option<Tls> {
    let given = [&raw.ca, &raw.client_cert, &raw.client_key].into_iter().flatten().next();
    if let Some(text) = given
        && url.is_some_and(|url| url.scheme() != "https")
    {
        return judge.refuse(text, "is for TLS, and `url` begins with http://");
    }
    let ca = match &raw.ca {
        None => Some(None),
        Some(text) => authorities(text, judge).map(Some),
    };
    let identity = match (&raw.client_cert, &raw.client_key) {
        (None, None) => Some(None),
        (Some(cert), Some(key)) => identity(cert, key, judge).map(Some),
        (Some(cert), None) => judge.refuse(cert, "needs `client_key` beside it"),
        (None, Some(key)) => judge.refuse(key, "needs `client_cert` beside it"),
    };
    Some(Tls { ca: ca?, identity: identity? })
}

fn authorities(text: &Text, judge: &mut Judge<'_>) -> Option<String> {
    let pem = pem(text, judge)?;
    let roots = certificates(text, &pem, judge)?;
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        if let Err(error) = store.add(root) {
            return judge
                .refuse(text, format!("holds a certificate that can't be trusted: {error}"));
        }
    }
    Some(pem.expose().to_owned())
}

/// The chain and its key, which has to be that of the first certificate.
fn identity(cert: &Text, key: &Text, judge: &mut Judge<'_>) -> Option<Secret> {
    let (cert_pem, key_pem) = (pem(cert, judge), pem(key, judge));
    let (cert_pem, key_pem) = (cert_pem?, key_pem?);
    let chain = certificates(cert, &cert_pem, judge)?;
    let Ok(private) = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes()) else {
        return judge.refuse(key, "holds no private key in PEM");
    };
    match CertifiedKey::from_der(chain, private, &default_provider()) {
        Ok(_) => Some(Secret::new(format!("{}\n{}", cert_pem.expose(), key_pem.expose()))),
        Err(rustls::Error::InconsistentKeys(_)) => {
            judge.refuse(key, "is not the key of the certificate in `client_cert`")
        }
        Err(error) => judge.refuse(key, format!("can't be used: {error}")),
    }
}

/// The PEM that a text is, or that stands in the file it names.
fn pem(text: &Text, judge: &mut Judge<'_>) -> Option<Secret> {
    let written = text.get_ref();
    if written.starts_with(PEM) || written.starts_with("env:") || written.starts_with("file:") {
        return secret(judge, text);
    }
    match std::fs::read_to_string(written) {
        Ok(read) => Some(Secret::new(read)),
        Err(error) => judge.refuse(text, format!("can't read {written}: {error}")),
    }
}

fn certificates(
    text: &Text,
    pem: &Secret,
    judge: &mut Judge<'_>,
) -> Option<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem.expose().as_bytes());
    match found.collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Some(found),
        Ok(_) => judge.refuse(text, "holds no certificate in PEM"),
        Err(error) => judge.refuse(text, format!("is not PEM: {error}")),
    }
}
