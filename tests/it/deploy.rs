//! What is shipped to watch callbox with: every metric that dashboard and alert rules name is there, every alarm has its page.

use std::collections::BTreeSet;
use std::path::Path;

use callbox::domain::alarm::Condition;
use serde_json::{Value, json};

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;
use crate::support::{MINUTE, SECOND};

fn shipped(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The metrics of ours that a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("callbox_") && !word.ends_with('_')).collect()
}

/// An alarm of this kind ends an hour after its cause.
const LOOKS_MAX: usize = 600;

fn dashboard() -> Value {
    serde_json::from_str(&shipped("deploy/grafana/callbox.json")).unwrap()
}

/// Every question that the dashboard asks.
fn questions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// Lets time pass until an alarm is raised: who watches may be in the middle of a look when it does.
async fn raised(callbox: &Callbox) {
    for _ in 0..LOOKS_MAX {
        callbox.clock.advance(5 * SECOND);
        if callbox.json("/v1/alarms").await["data"] != json!([]) {
            return;
        }
    }
    unreachable!("no alarm was raised");
}

#[tokio::test]
async fn every_metric_that_dashboard_and_rules_name_is_there() {
    let crm = Receiver::start().await;
    let source = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\nrate = 5\n\
                  [sources.desk]\nvendor = \"wavecell\"\nauth = [{ type = \"bearer\", secrets = [\"kettle-kettle-kettle\"] }]\n";
    let callbox = Callbox::start(&format!("{source}{}", crm.configured("crm", ""))).await;
    callbox.push("shop", receipt("m/1", "sent")).await.callback();
    callbox.push("desk", receipt("m/1", "sent")).await.problem(401, "unauthentic");
    raised(&callbox).await;
    let told = callbox.ask("/metrics").await.text();
    let there: BTreeSet<String> = told
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            if kind == "counter" { format!("{name}_total") } else { name.to_owned() }
        })
        .collect();
    // What tells what is running is a metric of its own kind.
    let rules = shipped("deploy/prometheus/callbox.rules.yml");
    let rules: String =
        rules.lines().filter(|line| line.trim_start().starts_with("expr:")).collect();
    let asked = format!("{rules} {}", questions(&dashboard()).join(" "));
    let named = metrics(&asked);
    assert!(named.len() > 10, "{named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !there.contains(**name)).collect();
    assert!(missing.is_empty(), "no such metric: {missing:?} in {there:#?}");
}

#[tokio::test]
async fn a_raised_alarm_and_an_ill_component_are_metrics() {
    let callbox = Callbox::start(
        "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"bearer\", secrets = [\"kettle-kettle-kettle\"] }]\n",
    );
    let callbox = callbox.await;
    let well = callbox.ask("/metrics").await.text();
    assert!(well.contains("callbox_component_ok{component=\"store\"} 1"), "{well}");
    assert!(!well.contains("callbox_alarm_raised{"), "{well}");
    callbox.push("shop", receipt("m/1", "sent")).await.problem(401, "unauthentic");
    raised(&callbox).await;
    let raised = callbox.ask("/metrics").await.text();
    let line = "callbox_alarm_raised{type=\"callbox.source.unauthentic\",subject=\"shop\"} 1";
    assert!(raised.contains(line), "{raised}");
    // It is over after an hour without another one.
    callbox.clock.advance(61 * MINUTE);
    callbox.until("/v1/alarms", |page| page["data"] == json!([])).await;
    assert!(!callbox.ask("/metrics").await.text().contains("callbox_alarm_raised{"));
}

#[test]
fn panels_are_told_apart_and_every_alarm_leads_to_its_page_of_the_runbook() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let runbook = shipped("docs/runbook.md");
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter))
            .collect()
    };
    let headings = runbook.lines().filter(|line| line.starts_with("##"));
    let anchors: BTreeSet<String> =
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect();
    let rules = shipped("deploy/prometheus/callbox.rules.yml");
    let led: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook: \"docs/runbook.md#"))
        .map(|rest| rest.trim_end_matches('"'))
        .collect();
    assert_eq!(led.len(), rules.matches("- alert:").count(), "each alert has a page");
    for place in led {
        assert!(anchors.contains(place), "{place} is not in {anchors:?}");
    }
    for condition in Condition::ALL {
        let kind = condition.raised().as_str();
        assert!(anchors.contains(&anchor(kind)), "{kind} has no page");
        assert!(rules.contains(&format!("type=\"{kind}\"")), "{kind} has no alert");
    }
}
