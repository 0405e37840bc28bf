//! A steady stream of callbacks with the time from each acknowledgement to its event's arrival; and the bare client to compare with.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use callbox::clock::Clock;
use reqwest::Client;
use serde_json::json;
use tokio::task::JoinSet;

use crate::house::House;
use crate::next;
use crate::sink::Sink;

/// As long as an event that callbox posts.
const BODY_BYTES: usize = 850;

/// Pushes `rate` callbacks a second, and says how long each event took from the acknowledgement to its arrival.
pub(crate) fn run(
    house: &House,
    sink: &Sink,
    rate: u32,
    time: Duration,
    numbers: &Arc<AtomicU64>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    sink.note(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = format!("http://{}/in/bench", house.vendors);
    let acknowledged = runtime.block_on(async {
        let client = client()?;
        let start = sink.clock.elapsed();
        let mut pushes = JoinSet::new();
        let whole = time.as_millis() * u128::from(rate) / 1_000;
        for number in 0..u32::try_from(whole)? {
            let due = start + Duration::from_secs(1) * number / rate;
            sink.clock.sleep(due.saturating_sub(sink.clock.elapsed())).await;
            let (client, url, clock) = (client.clone(), url.clone(), Arc::clone(&sink.clock));
            let id = format!("steady-{}", next(numbers));
            pushes.spawn(async move {
                let sent = client.post(url).header("content-type", "application/json");
                let answer = sent.body(receipt(&id)).send().await?.error_for_status()?;
                answer.bytes().await?;
                Ok::<_, reqwest::Error>((id, clock.elapsed()))
            });
        }
        let acknowledged: Result<HashMap<String, Duration>, reqwest::Error> =
            pushes.join_all().await.into_iter().collect();
        Ok::<_, Box<dyn Error>>(acknowledged?)
    })?;
    sink.until(u64::try_from(acknowledged.len())?)?;
    let arrivals = sink.arrivals();
    sink.note(false);
    // What arrived before its acknowledgement was read took no time.
    let took = |(id, at): (String, Duration)| Some(at.saturating_sub(*acknowledged.get(&id)?));
    Ok(arrivals.into_iter().filter_map(took).collect())
}

/// How long the same HTTP library needs to post so many bodies to the sink, so many at a time, and to do nothing else.
pub(crate) fn bare(
    sink: &Sink,
    number: u64,
    concurrency: usize,
) -> Result<Duration, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let url = format!("http://{}/", sink.address);
    let left = Arc::new(AtomicU64::new(0));
    sink.note(false);
    let start = sink.clock.elapsed();
    runtime.block_on(async {
        let client = client()?;
        let mut clients = JoinSet::new();
        for _ in 0..concurrency {
            let (client, url, left) = (client.clone(), url.clone(), Arc::clone(&left));
            clients.spawn(async move {
                while next(&left) < number {
                    let sent = client.post(url.as_str()).body(vec![b'x'; BODY_BYTES]);
                    sent.send().await?.bytes().await?;
                }
                Ok::<_, reqwest::Error>(())
            });
        }
        clients.join_all().await.into_iter().collect::<Result<(), _>>()?;
        Ok::<_, Box<dyn Error>>(())
    })?;
    Ok(sink.clock.elapsed().saturating_sub(start))
}

fn client() -> reqwest::Result<Client> {
    // An error means that a provider is installed already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).build()
}

fn receipt(id: &str) -> String {
    json!({
        "version": 9,
        "namespace": "ChatApps",
        "eventType": "outbound_message_status_changed",
        "payload": {
            "umid": id,
            "subAccountId": "kettle_shop_hq",
            "channel": "whatsapp",
            "user": { "msisdn": "+12025550188" },
            "status": { "state": "delivered", "timestamp": "2026-08-12T09:15:57.00Z" },
        },
    })
    .to_string()
}
