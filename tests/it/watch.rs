//! Watching: the metrics that Prometheus reads.

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
