//! Watching: the metrics that Prometheus reads, and the health that alerts go by.

use crate::support::SECOND;
use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;

const SOURCES: &str = r#"
[sources.wavecell]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.locked]
vendor = "wavecell"
auth = [{ type = "bearer", secrets = ["right"] }]
[destinations.crm]
url = "http://127.0.0.1:9/hooks"
secrets = ["whsec_Y2FsbGJveC1leGFtcGxlLXNlY3JldC0zMi1ieXRlcyE="]
allow_subnets = ["127.0.0.0/8"]
"#;

#[tokio::test]
async fn metrics_count_what_came_in_and_what_waits() {
    let callbox = Callbox::start(SOURCES).await;
    callbox.push("wavecell", receipt("1", "sent")).await.callback();
    callbox.push("wavecell", receipt("1", "sent")).await.callback();
    callbox.push("wavecell", "{").await;
    callbox.push("locked", receipt("2", "sent")).await;
    let text = callbox.ask("/metrics").await.text();
    for line in [
        "callbox_callbacks_total{source=\"wavecell\",outcome=\"events\"} 1",
        "callbox_callbacks_total{source=\"wavecell\",outcome=\"duplicate\"} 1",
        "callbox_callbacks_total{source=\"wavecell\",outcome=\"quarantined\"} 1",
        "callbox_unauthentic_total{source=\"locked\",reason=\"missing\"} 1",
        "callbox_drift_total{source=\"wavecell\",kind=\"status\"} 0",
        "callbox_destination_backlog{destination=\"crm\"} 1",
        "callbox_no_source_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_worker_that_stalls_makes_health_red_until_it_moves_again_and_nobody_unready() {
    let callbox = Callbox::start(SOURCES).await;
    let health = async || {
        let answer = callbox.ask("/health").await;
        let told = answer.json();
        let deliveries = told["components"]["deliveries"].clone();
        assert_eq!(answer.status == 200, deliveries["ok"] == true, "{told:#}");
        deliveries
    };
    assert_eq!(health().await["ok"], true);
    // Its rest never ends, and nothing wakes it.
    callbox.clock.set_numb(true);
    let mut told = health().await;
    while told["ok"] == true {
        callbox.clock.advance(31 * SECOND);
        told = health().await;
    }
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.starts_with("the delivery worker has not moved for"), "{reason}");
    assert_eq!(callbox.ask("/readyz").await.status, 200);
    assert_eq!(callbox.push("wavecell", receipt("1", "sent")).await.status, 200);
    callbox.clock.set_numb(false);
    while health().await["ok"] != true {
        tokio::task::yield_now().await;
    }
}
