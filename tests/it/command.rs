//! Asking on the command line: tables for people, JSON for programs, and exit codes that tell.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;
use crate::support::{MINUTE, SECOND};

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

/// Events that are pushed before somebody who follows must have printed one.
const PUSHES_MAX: usize = 2_000;

/// The command with these arguments, in Jakarta.
fn command(api: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    command.env("TZ", "Asia/Jakarta").args(args).args(["--api", api]);
    command
}

/// Runs the command: how it ended, and what it said on stdout and stderr.
fn run(callbox: &Callbox, args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(&format!("http://{}", callbox.api), args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What a command that goes well prints.
fn good(callbox: &Callbox, args: &[&str]) -> String {
    let (code, out, err) = run(callbox, args);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
    out
}

/// The cells of a table, row by row; columns are set off by two blanks.
fn cells(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect()
}

#[tokio::test]
async fn events_are_a_table_for_people_and_lines_of_json_for_programs() {
    let callbox = Callbox::start(SHOP).await;
    let first = callbox.push("shop", receipt("a", "undelivered")).await.events().remove(0);
    callbox.clock.advance(MINUTE);
    let hostile = inbound("b", "rye?\u{1b}[31m\nplease");
    let second = callbox.push("shop", hostile).await.events().remove(0);
    let table = good(&callbox, &["events"]);
    let headings = ["received", "type", "source", "conversation", "subject", "says", "id"];
    let expected: [&[&str]; 3] = [
        &headings,
        &[
            "2026-08-12 16:16:57",
            "message.received",
            "shop",
            "+12025550143",
            "b",
            "rye?\\u{1b}[31m\\nplease",
            &second,
        ],
        &[
            "2026-08-12 16:15:57",
            "message.failed",
            "shop",
            "+12025550188",
            "a",
            "undelivered",
            &first,
        ],
    ];
    assert_eq!(cells(&table), expected);
    let column = |line: &str| line.find("message.").or(line.find("type")).unwrap();
    assert!(table.lines().all(|line| column(line) == column(table.lines().next().unwrap())));

    let lines = good(&callbox, &["events", "--type", "message.failed", "--json"]);
    let printed: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json!(printed), callbox.json("/v1/events?type=message.failed").await["data"]);
    assert_eq!(good(&callbox, &["events", "--phone", "442012345678"]), "no event fits\n");
    assert_eq!(cells(&good(&callbox, &["events", "--limit", "1"])).len(), 2);
    let shown = good(&callbox, &["events", "show", &first]);
    assert!(shown.contains("\"type\": \"message.failed\""), "{shown}");
}

#[tokio::test]
async fn more_than_a_page_is_asked_for_page_by_page() {
    let callbox = Callbox::start(SHOP).await;
    for number in 0..205 {
        callbox.push("shop", receipt(&number.to_string(), "sent")).await.callback();
    }
    for (limit, expected) in [("1000", 205), ("201", 201), ("3", 3)] {
        let lines = good(&callbox, &["messages", "--json", "--limit", limit]);
        assert_eq!(lines.lines().count(), expected);
    }
}

#[tokio::test]
async fn a_messages_story_is_drawn() {
    let crm = Receiver::start().await;
    crm.then(500);
    let sections = format!("{SHOP}{}", crm.configured("crm", "retry = [\"30s\"]"));
    let callbox = Callbox::start(&sections).await;
    let event = callbox.push("shop", receipt("a/b", "sent")).await.events().remove(0);
    let tried = |page: &Value| page["data"][0]["attempts"][0].is_object();
    let delivery = callbox.until("/v1/deliveries", tried).await["data"][0]["id"].clone();
    callbox.clock.advance(SECOND);
    let callback = callbox.push("shop", receipt("a/b", "sent")).await.callback();

    let story = good(&callbox, &["messages", "show", "shop", "a/b"]);
    let (head, timeline) = story.split_once("\n\n").unwrap();
    assert!(head.starts_with("a/b  sent\n"), "{head}");
    assert!(head.contains("to            +12025550188\n"), "{head}");
    let expected = [
        format!("2026-08-12 16:15:57  ●  message.sent  sent  {event}"),
        format!("2026-08-12 16:15:57  →  due to crm, now pending  {}", delivery.as_str().unwrap()),
        "2026-08-12 16:15:57  ✗  attempt 1 at crm: rejected, 500".to_owned(),
        format!("2026-08-12 16:15:58  ○  the vendor repeated it  {callback}"),
    ];
    assert_eq!(timeline.lines().count(), expected.len(), "{timeline}");
    for (line, expected) in timeline.lines().zip(expected) {
        assert!(line.trim().starts_with(&expected), "{line}\n{expected}");
    }
    let stuck = good(&callbox, &["messages", "--stuck-for", "1s"]);
    let cells = cells(&stuck).remove(1);
    assert_eq!((cells[1], cells.last()), ("sent", Some(&"a/b")));
}

#[tokio::test]
async fn deliveries_and_destinations_are_shown_and_put_right() {
    let crm = Receiver::start().await;
    crm.then(500);
    let sections = format!("{SHOP}{}", crm.configured("crm", "retry = [\"1h\"]"));
    let callbox = Callbox::start(&sections).await;
    callbox.push("shop", receipt("a", "sent")).await.callback();
    let tried = |page: &Value| page["data"][0]["attempts"][0].is_object();
    let delivery = callbox.until("/v1/deliveries", tried).await["data"][0].clone();
    let (id, event) = (delivery["id"].as_str().unwrap(), delivery["event_id"].as_str().unwrap());
    let rows = good(&callbox, &["deliveries", "--state", "pending"]);
    let row = cells(&rows).remove(1);
    assert_eq!((row[0], &row[1..3], row[4]), (id, &["crm", "pending"][..], "1"));
    assert_eq!(row.last(), Some(&event));

    let paused = good(&callbox, &["destinations", "pause", "crm"]);
    assert_eq!(cells(&paused)[1][..2], ["crm", "paused"]);
    let resumed = good(&callbox, &["destinations", "resume", "crm", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&resumed).unwrap()["state"], "active");
    assert_eq!(cells(&good(&callbox, &["destinations"]))[1][..2], ["crm", "active"]);

    good(&callbox, &["deliveries", "retry", id]);
    let path = format!("/v1/deliveries/{id}");
    callbox.until(&path, |delivery| delivery["state"] == "succeeded").await;
    let shown = good(&callbox, &["deliveries", "show", id]);
    assert!(shown.contains("attempt 2: succeeded, 200"), "{shown}");
    let (code, _, err) = run(&callbox, &["deliveries", "cancel", id]);
    assert_eq!(code, Some(1));
    assert!(err.contains("only a pending delivery can be cancelled"), "{err}");
}

#[tokio::test]
async fn sources_are_shown_with_what_nobody_knows_of_them_and_that_is_forgotten() {
    let callbox = Callbox::start(SHOP).await;
    let id = callbox.push("shop", receipt("a", "split")).await.callback();
    let rows = good(&callbox, &["sources"]);
    let expected = ["shop", "wavecell", "2026-08-12 16:15:57", "1", "0", "0", "0", "1", "/in/shop"];
    assert_eq!(cells(&rows)[1], expected);
    let found = good(&callbox, &["sources", "drift", "shop"]);
    let row = cells(&found).remove(1);
    assert_eq!((row[0], row[1], row.last()), ("status", "split", Some(&id.as_str())), "{found}");
    good(&callbox, &["sources", "clear-drift", "shop"]);
    let none = good(&callbox, &["sources", "drift", "shop"]);
    assert_eq!(none.trim(), "it sends nothing that its adapter does not know");
    let (code, _, err) = run(&callbox, &["sources", "drift", "nobody"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no source `nobody`"), "{err}");
}

#[tokio::test]
async fn what_follows_is_printed_as_it_comes() {
    let callbox = Callbox::start(SHOP).await;
    callbox.push("shop", receipt("old", "read")).await.callback();
    let api = format!("http://{}", callbox.api);
    let mut tail = command(&api, &["tail", "--state", "read", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let (tell, mut told) = mpsc::channel(PUSHES_MAX);
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            tell.blocking_send(line).unwrap();
        }
    });
    let mut line = None;
    for number in 0..PUSHES_MAX {
        callbox.push("shop", receipt(&format!("sent-{number}"), "sent")).await.callback();
        callbox.push("shop", receipt(&format!("read-{number}"), "read")).await.callback();
        line = told.try_recv().ok();
        if line.is_some() {
            break;
        }
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
    reader.join().unwrap();
    let event: Value = serde_json::from_str(&line.expect("nothing was printed")).unwrap();
    assert!(event["subject"].as_str().unwrap().starts_with("read-"), "{event:#}");
}

#[tokio::test]
async fn what_goes_wrong_is_said_with_what_to_do_and_the_exit_code_tells() {
    let callbox = Callbox::start(&format!("[api]\nlisten = \"127.0.0.1:0\"\n{SHOP}")).await;
    let (code, out, err) = run(&callbox, &["events"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("wants a key") && err.contains("--key"), "{err}");
    drop(callbox);

    let callbox = Callbox::start(SHOP).await;
    for (args, expected, said) in [
        (&["events", "--state", "gone"][..], 2, "queued, sent, failed"),
        (&["messages", "--stuck-for", "soon"], 2, "a length of time"),
        (&["events", "--since", "yesterday"], 2, "how long ago"),
        (&["events", "--chanel", "sms"], 2, "--channel"),
        (&["events", "show", "evt_1"], 1, "there is no event"),
        (&["messages", "show", "shop", "nothing"], 1, "there is no message"),
        (&["deliveries", "retry", "dlv_1"], 1, "there is no delivery"),
        (&["destinations", "pause", "nobody"], 1, "there is no destination"),
    ] {
        let (code, out, err) = run(&callbox, args);
        assert_eq!((code, out.as_str()), (Some(expected), ""), "{args:?}: {err}");
        assert!(err.contains(said), "{args:?}: {err}");
    }
    // An address at which nobody listens any more.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for args in [&["events"][..], &["messages"], &["deliveries"], &["destinations"], &["tail"]] {
        let output = command(&format!("http://{free}"), args).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        let said = format!("no callbox answers at http://{free}: start `callbox serve`");
        assert!(err.contains(&said), "{err}");
    }
}

#[tokio::test]
async fn a_test_of_a_destination_shows_what_fits_and_what_does_not() {
    let crm = Receiver::start().await;
    let filter = r#"filter = { "data.message.client_ref" = { "$in" = ["ref-b", "ref-c"] } }"#;
    let callbox = Callbox::start(&format!("{SHOP}{}", crm.configured("crm", filter))).await;
    let event = callbox.push("shop", receipt("a", "sent")).await.events().remove(0);
    let shown = good(&callbox, &["destinations", "test", "crm", "--event", &event]);
    let expected = format!(
        "crm does not want {event}\n  ✓ enabled: true of true\n  \
         ✓ events: \"message.sent\" of [\"*\"] (`*` matches)\n  ✗ filter\n    \
         ✗ data.message.client_ref $in [\"ref-b\",\"ref-c\"] (it has \"ref-a\")\n\
         it would get application/json\n  {{\"specversion\":\"1.0\",\"id\":\"{event}\","
    );
    assert!(shown.starts_with(&expected), "{shown}");
    let json = good(&callbox, &["destinations", "test", "crm", "--event", &event, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["wanted"], false);
    let (code, _, err) = run(&callbox, &["destinations", "test", "nobody", "--event", &event]);
    assert!(code == Some(1) && err.contains("destination"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_events_are_counted_and_handed_out_again() {
    let mut crm = Receiver::start().await;
    let callbox = Callbox::start(&format!("{SHOP}{}", crm.configured("crm", ""))).await;
    for number in 0..3 {
        callbox.push("shop", receipt(&format!("m{number}"), "sent")).await;
        crm.next().await;
    }
    let replay = ["replay", "--events", "--since", "2026-08-12T00:00:00Z", "--type", "message.*"];
    let with = |more: &[&'static str]| [&replay[..], more].concat();
    let counted = good(&callbox, &with(&["--to", "crm", "--dry-run"]));
    assert!(counted.starts_with("3 events would go to crm"), "{counted}");
    let begun = good(&callbox, &with(&["--to", "crm", "--no-wait", "--json"]));
    let begun: Value = serde_json::from_str(&begun).unwrap();
    assert_eq!((&begun["matched"], &begun["state"]), (&json!(3), &json!("running")));
    for _ in 0..3 {
        assert_eq!(crm.next().await.header("webhook-replay"), begun["id"].as_str());
    }
    let (code, _, told) = run(&callbox, &with(&["--to", "cmr"]));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("crm"), "{told}");
    let (code, _, told) = run(&callbox, &["replay", "--type", "message.*", "fixtures"]);
    assert!(code == Some(2) && told.contains("--events"), "{told}");
}
