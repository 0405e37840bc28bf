//! `callbox demo`: a whole callbox with nothing to configure, every recorded callback sent to it, and where to look then.

mod account;
mod sink;
mod tour;
mod traffic;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use account::Account;
use sink::Sink;
use traffic::Traffic;

use super::serve::listen_for_signals;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Environment};
use crate::domain::secret::Secret;
use crate::embedded::Embedded;
use crate::replay::client::{Addresses, Client};

/// The secret between the demo's callbox and its downstream service, known to everybody: the base64 of
/// "callbox-demo-only-not-a-secret".
const SECRET: &str = "whsec_Y2FsbGJveC1kZW1vLW9ubHktbm90LWEtc2VjcmV0";

/// The ports of the shipped configuration; taken if they are free, so that what other pages say is right here too.
const PORTS: (u16, u16) = (8080, 8081);

/// How often it is looked whether all deliveries have ended.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long that may take, before the demo goes on without the rest.
const DELIVERY_MAX: Duration = Duration::from_mins(1);

/// What `callbox demo` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End once everything is told, instead of serving on until Ctrl-C
    #[arg(long)]
    once: bool,
}

/// Runs the demo.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let folder = tempfile::tempdir().context("no folder for the demo's store")?;
    let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    listen_for_signals(stop.clone(), hurry)?;
    let secret = Secret::new(SECRET.to_owned());
    let sink = Arc::new(Sink::new(secret, "callbox".parse()?, Arc::clone(&clock)));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let traffic = Traffic::of_all_fixtures()?;
    let config = config(&traffic, folder.path(), listener.local_addr()?)?;
    let closed = CancellationToken::new();
    let serving = tokio::spawn(Arc::clone(&sink).serve(listener, closed.clone()));
    let embedded = Embedded::start(config).await?;
    let addresses = embedded.addresses();

    let shown = stop.run_until_cancelled(show(&addresses, &traffic, &sink, &*clock)).await;
    shown.unwrap_or(Ok(()))?;
    if !args.once && !stop.is_cancelled() {
        say("\nServing until Ctrl-C; then the store is thrown away.\n")?;
        stop.cancelled().await;
    }
    embedded.stop().await?;
    closed.cancel();
    serving.await?;
    Ok(ExitCode::SUCCESS)
}

/// Sends everything, waits until every delivery has ended, and tells what happened.
async fn show(
    addresses: &Addresses,
    traffic: &Traffic,
    sink: &Sink,
    clock: &dyn Clock,
) -> anyhow::Result<()> {
    let client = Client::new(addresses.clone())?;
    let mut account = Account::default();
    say(&format!(
        "Sending {} recorded callbacks to a callbox of their own …\n",
        traffic.requests.len()
    ))?;
    for (vendor, request) in &traffic.requests {
        account.note(vendor, request, &client.push(request).await?);
    }
    say("Waiting for their deliveries, to a service that fails at first …\n\n")?;
    account.count_events(&client).await?;
    let begun = clock.elapsed();
    loop {
        account.count_deliveries(&client).await?;
        if account.open == 0 || clock.elapsed().saturating_sub(begun) > DELIVERY_MAX {
            break;
        }
        clock.sleep(LOOK_EVERY).await;
    }
    say(&tour::tell(&account, &sink.tally(), addresses)?)
}

/// Shows a text at once.
fn say(text: &str) -> anyhow::Result<()> {
    let mut output = anstream::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}

/// The demo's configuration: a source for each kind that the fixtures need, and a downstream service with two doors.
fn config(traffic: &Traffic, folder: &Path, sink: SocketAddr) -> anyhow::Result<Config> {
    let (push, api) = free(PORTS);
    let door = |path: &str, events: &[&str]| {
        json!({
            "url": format!("http://{sink}{path}"),
            "events": events,
            "secrets": [SECRET],
            "retry": ["1s", "2s"],
            "allow_subnets": ["127.0.0.0/8"],
        })
    };
    let document = json!({
        "server": { "listen": format!("127.0.0.1:{push}") },
        "api": { "listen": format!("127.0.0.1:{api}"), "anonymous": "loopback" },
        "store": { "path": folder.join("callbox.db"), "min_free": "1MiB" },
        "sources": traffic.sources,
        "destinations": {
            "crm": door("/crm", &["message.*", "contact.*"]),
            "warehouse": door(sink::UNSTEADY, &["*"]),
        },
    });
    let text = toml::to_string(&document)?;
    Ok(Config::parse(&text, "the demo's configuration", &Environment::default())?)
}

/// The two ports if both are free, and else any.
fn free(ports: (u16, u16)) -> (u16, u16) {
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    if is_free(ports.0) && is_free(ports.1) { ports } else { (0, 0) }
}
