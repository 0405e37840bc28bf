//! TLS to destinations: who is trusted, who we are, and what each failure is called.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use callbox::config::{Config, Environment};
use callbox::domain::delivery::Outcome;
use callbox::domain::destination::{Destination, Tls};
use callbox::domain::secret::Secret;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::support::house::{House, destination};

/// A file among those that `make.sh` made.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/certificates").join(name)
}

fn pem(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// An HTTPS server that takes every event, from those who prove themselves if `asks` says so.
struct Secured {
    url: String,
    taken: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Secured {
    async fn start(certificate: &str, asks: bool) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = CertificateDer::pem_file_iter(path(&format!("{certificate}.pem"))).unwrap();
        let chain = chain.collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(path(&format!("{certificate}.key.pem"))).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if asks {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_file(path("authority.pem")).unwrap();
            roots.add(root).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
        let taken = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                while !request.ends_with(b"}") {
                    if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
                        break;
                    }
                }
                if request.ends_with(b"}") {
                    count.fetch_add(1, Ordering::SeqCst);
                    let answer =
                        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        Self { url, taken, task }
    }

    /// How the first attempt at an event ended, with this trust.
    async fn tried(&self, tls: Tls) -> (Outcome, String) {
        let crm = Destination { tls, ..destination("crm", &self.url) };
        let mut house = House::start(vec![crm]).await;
        let ids = house.receive(&["crm"]).await;
        house.work().await;
        let attempt = house.delivery(ids[0]).await.attempts.remove(0);
        (attempt.outcome, attempt.reason.unwrap_or_default())
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn trusting(authority: &str) -> Tls {
    Tls { ca: Some(pem(authority)), identity: None }
}

#[tokio::test]
async fn each_failure_of_tls_has_a_name_and_nothing_is_sent() {
    let unknown = "tls: the certificate's issuer is unknown: it is self-signed, or of an authority that is not trusted (ca)";
    let table = [
        ("good", "authority.pem", Outcome::Succeeded, ""),
        ("expired", "authority.pem", Outcome::Unreachable, "tls: the certificate has expired"),
        ("early", "authority.pem", Outcome::Unreachable, "tls: the certificate is not valid yet"),
        (
            "elsewhere",
            "authority.pem",
            Outcome::Unreachable,
            "tls: the certificate is for another host",
        ),
        ("good", "stranger.pem", Outcome::Unreachable, unknown),
        ("own", "authority.pem", Outcome::Unreachable, unknown),
    ];
    for (certificate, ca, outcome, reason) in table {
        let server = Secured::start(certificate, false).await;
        let tried = server.tried(trusting(ca)).await;
        assert_eq!(tried, (outcome, reason.to_owned()), "{certificate} {ca}");
        let taken = usize::from(outcome == Outcome::Succeeded);
        assert_eq!(server.taken.load(Ordering::SeqCst), taken, "{certificate}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_whoever_asks_for_one() {
    let server = Secured::start("good", true).await;
    let (outcome, reason) = server.tried(trusting("authority.pem")).await;
    let refused = "tls: the other side refuses our certificate, or that we have none (client_cert)";
    // A server may close the connection before what it says has arrived.
    assert_eq!(outcome, Outcome::Unreachable, "{reason}");
    assert!(reason == refused || reason.starts_with("connection "), "{reason}");
    assert_eq!(server.taken.load(Ordering::SeqCst), 0);

    let identity = Secret::new(format!("{}\n{}", pem("client.pem"), pem("client.key.pem")));
    let ours = Tls { identity: Some(identity), ..trusting("authority.pem") };
    assert_eq!(server.tried(ours).await, (Outcome::Succeeded, String::new()));
}

#[test]
fn certificates_are_read_and_proved_to_fit_together_at_the_start() {
    let told = |rest: &str| {
        let text = format!("[destinations.crm]\nurl = \"https://crm.example.com/\"\n{rest}\n");
        match Config::parse(&text, "c.toml", &Environment::default()) {
            Ok(config) => format!("{:?}", config.destinations[0].tls.identity),
            Err(error) => error.to_string(),
        }
    };
    let file = |name: &str| path(name).display().to_string();
    let both = |cert: &str, key: &str| {
        format!("client_cert = '{}'\nclient_key = 'file:{}'", file(cert), file(key))
    };
    let ca = |name: &str| format!("ca = '{}'", file(name));
    let table = [
        (ca("authority.pem"), "None"),
        (format!("ca = '''{}'''", pem("authority.pem")), "None"),
        (both("client.pem", "client.key.pem"), "Some(***)"),
        (
            both("client.pem", "good.key.pem"),
            "c.toml:4: [destinations.crm] client_key: is not the key of the certificate in `client_cert`",
        ),
        (both("client.pem", "client.pem"), "client_key: holds no private key in PEM"),
        (ca("good.key.pem"), "c.toml:3: [destinations.crm] ca: holds no certificate in PEM"),
        ("ca = 'not/there.pem'".to_owned(), "ca: can't read not/there.pem: No such file"),
        (format!("client_cert = '{}'", file("client.pem")), "client_cert: needs `client_key`"),
        (format!("client_key = '{}'", file("client.key.pem")), "client_key: needs `client_cert`"),
        (format!("{}\nurl = \"http://crm.example.com/\"", ca("authority.pem")), "duplicate key"),
    ];
    for (written, expected) in table {
        let told = told(&written);
        assert!(told.contains(expected), "{written}: {told}");
        assert!(!told.contains("PRIVATE KEY"), "{told}");
    }
    let plain =
        format!("[destinations.crm]\nurl = \"http://crm.example.com/\"\n{}\n", ca("good.pem"));
    let error = Config::parse(&plain, "c.toml", &Environment::default()).unwrap_err().to_string();
    assert!(error.contains("c.toml:3: [destinations.crm] ca: is for TLS"), "{error}");
}
