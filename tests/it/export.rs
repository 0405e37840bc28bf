//! Exports: whole lists as lines, the same as their pages; and answers that are compressed for who takes them so.

use std::io::Read;
use std::process::Command;

use callbox::replay::client::{Addresses, Client, ClientError, Download};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::support::bodies::{inbound, receipt, update};
use crate::support::callbox::Callbox;
use crate::support::{MINUTE, http};

const SHOPS: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.desk]
vendor = "wessaal"
auth = [{ type = "none" }]
"#;

/// Times that the clock is advanced, each with a question to the store in between, before what had to be cut is cut.
const ROUNDS: usize = 50;

async fn open(callbox: &Callbox, path: &str) -> Result<Download, ClientError> {
    let at: url::Url = format!("http://{}", callbox.api).parse().unwrap();
    let client = Client::new(Addresses { push: at.clone(), api: at, key: None }).unwrap();
    client.open(path).await
}

async fn export(callbox: &Callbox, path: &str) -> String {
    let (mut download, mut bytes) = (open(callbox, path).await.unwrap(), Vec::new());
    while let Some(piece) = download.next().await.unwrap() {
        bytes.extend(piece);
    }
    String::from_utf8(bytes).unwrap()
}

async fn lines(callbox: &Callbox, path: &str) -> Vec<Value> {
    let text = export(callbox, path).await;
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same list, page by page.
async fn pages(callbox: &Callbox, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = callbox.json(&format!("{path}&limit=200{cursor}")).await;
        items.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return items };
        cursor = format!("&cursor={next}");
    }
}

/// A callback with so many statuses, each with a text of this length beside it.
fn statuses(first: u32, count: u32, length: usize) -> String {
    let one = |id: u32| {
        json!({ "message_id": first + id, "status": "sent", "recipient": "+12025550164",
            "sent_at": "2026-08-12T09:15:57.000000Z", "note": "n".repeat(length) })
    };
    json!({ "data": (0..count).map(one).collect::<Vec<_>>() }).to_string()
}

#[tokio::test]
async fn an_export_is_the_list_whole_in_either_order_with_the_same_filters() {
    let callbox = Callbox::start(SHOPS).await;
    callbox.push("desk", statuses(1, 450, 0)).await;
    callbox.push("shop", inbound("m-1", "=cmd()")).await;
    callbox.push("shop", receipt("m-2", "delivered")).await;
    for list in ["/v1/events?", "/v1/messages?"] {
        for question in
            ["order=asc", "order=desc", "source=shop", "source=nobody", "direction=inbound"]
        {
            let expected = pages(&callbox, &format!("{list}{question}")).await;
            let found = lines(&callbox, &format!("{list}{question}&format=jsonl")).await;
            assert_eq!(found, expected, "{list}{question}");
        }
        let all = lines(&callbox, &format!("{list}format=jsonl")).await;
        assert_eq!(all.len(), 452);
        // A limit is one for all lines together; a cursor of the pages is where it goes on.
        assert_eq!(lines(&callbox, &format!("{list}format=jsonl&limit=201")).await, all[..201]);
        let page = callbox.json(&format!("{list}limit=150")).await;
        let rest = format!("{list}format=jsonl&cursor={}", page["next_cursor"].as_str().unwrap());
        assert_eq!(lines(&callbox, &rest).await, all[150..]);
    }
    for (wrong, why) in [
        ("format=xml", "allowed: json, jsonl, csv"),
        ("format=csv&limit=0", "parameter `limit`"),
        ("format=csv&limit=many", "parameter `limit`"),
        ("format=csv&wait=5s", "together with `format`"),
        ("format=csv&typ=message.*", "the nearest is `type`"),
        ("format=json&limit=201", "1 to 200"),
    ] {
        let detail =
            callbox.ask(&format!("/v1/events?{wrong}")).await.problem(400, "invalid_parameter");
        assert!(detail.contains(why), "{wrong}: {detail}");
    }
    let head = callbox.ask_with("HEAD", "/v1/events?format=csv", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
}

#[tokio::test]
async fn comma_separated_values_are_those_of_the_list_and_no_formulas() {
    let callbox = Callbox::start(SHOPS).await;
    let said = "=HYPERLINK(\"http://x\",\"y\"), \r\nsecond line";
    callbox.push("shop", inbound("m-1", said)).await;
    callbox.push("shop", receipt("@m-2", "failed")).await;
    let read = |text: String| -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    };
    let text = export(&callbox, "/v1/events?format=csv&order=asc").await;
    assert!(text.starts_with("id,type,source,subject,time,") && text.ends_with("\r\n"), "{text}");
    let rows = read(text);
    let events = pages(&callbox, "/v1/events?order=asc").await;
    assert_eq!(rows.len(), 3);
    let cell = |row: usize, name: &str| {
        let column = rows[0].iter().position(|known| known == name).unwrap();
        rows[row][column].clone()
    };
    assert_eq!(cell(1, "id"), events[0]["id"].as_str().unwrap());
    assert_eq!(cell(1, "text"), format!("'{said}"));
    assert_eq!(cell(1, "from_phone"), "'+12025550143");
    assert_eq!(cell(1, "from_name"), "Marit Solheim");
    assert_eq!(cell(1, "sequence"), events[0]["data"]["sequence"].to_string());
    assert_eq!(
        (cell(2, "message_id"), cell(2, "state")),
        ("'@m-2".to_owned(), "failed".to_owned())
    );
    let rows = read(export(&callbox, "/v1/messages?format=csv&state=failed").await);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[1].contains(&"'@m-2".to_owned()) && rows[1].contains(&"failed".to_owned()));
    // Nothing found is the names of the columns, and nothing else.
    assert_eq!(read(export(&callbox, "/v1/events?format=csv&source=nobody").await).len(), 1);
}

#[tokio::test]
async fn an_export_that_nobody_takes_is_cut_off_and_does_not_look_whole() {
    let callbox = Callbox::start(SHOPS).await;
    // More than what lies between two ends of a connection.
    for first in [1, 2] {
        let answer = callbox.push("desk", statuses(first * 10_000, 2_000, 8_000)).await;
        assert_eq!(answer.status, 200);
    }
    let mut download = open(&callbox, "/v1/events?format=jsonl").await.unwrap();
    for _ in 0..ROUNDS {
        callbox.clock.advance(2 * MINUTE);
        callbox.json("/v1/events?limit=1").await;
    }
    let mut bytes = 0;
    let ended = loop {
        match download.next().await {
            Ok(Some(piece)) => bytes += piece.len(),
            other => break other,
        }
    };
    assert!(matches!(ended, Err(ClientError::Unreachable { .. })), "whole after {bytes} bytes");
    assert!(bytes > 0);
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

/// The body of an answer that came in chunks, on a connection that has ended.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let length =
            usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 4 + length..];
    }
    body
}

/// Head and whole body of an answer, chunked or not.
async fn raw(callbox: &Callbox, to_vendors: bool, target: &str, accept: &str) -> (String, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let to = if to_vendors { callbox.vendors } else { callbox.api };
    let mut stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\naccept-encoding: {accept}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    let end = received.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    let body = &received[end + 4..];
    let body =
        if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_vec() };
    (head, body)
}

#[tokio::test]
async fn answers_are_compressed_for_who_takes_them_so_and_for_nobody_else() {
    let callbox = Callbox::start(SHOPS).await;
    callbox.push("desk", statuses(1, 300, 0)).await;
    let (head, plain) = raw(&callbox, false, "/v1/events?limit=200", "identity").await;
    assert!(head.contains("vary: accept-encoding") && !head.contains("content-encoding"), "{head}");
    for accepted in ["gzip", "br, gzip;q=0.8", "deflate, *;q=0.5", "gzip;q=1.0, identity;q=0.5"] {
        let (head, body) = raw(&callbox, false, "/v1/events?limit=200", accepted).await;
        assert!(
            head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"),
            "{head}"
        );
        assert!(body.len() * 3 < plain.len(), "{} of {}", body.len(), plain.len());
        assert_eq!(unzipped(&body), plain, "{accepted}");
    }
    for refused in [
        "gzip;q=0",
        "br",
        "identity, gzip;q=0",
        "*;q=0, identity",
        "gzip;q=0.1, identity;q=0.9",
        "gzip;q=much",
    ] {
        let (head, body) = raw(&callbox, false, "/v1/events?limit=200", refused).await;
        assert!(!head.contains("content-encoding"), "{refused}: {head}");
        assert_eq!(body.len(), plain.len(), "{refused}");
    }
    // Exports, pages and the document too; what is short, what is a callback's own, and vendors' answers never.
    let expected = export(&callbox, "/v1/events?format=csv").await;
    let (head, body) = raw(&callbox, false, "/v1/events?format=csv", "gzip").await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    assert_eq!(String::from_utf8(unzipped(&body)).unwrap(), expected);
    for target in ["/openapi.json", "/docs", "/metrics"] {
        let (head, body) = raw(&callbox, false, target, "gzip").await;
        assert!(head.contains("content-encoding: gzip"), "{target}: {head}");
        assert!(unzipped(&body).len() > body.len());
    }
    let id = callbox.json("/v1/callbacks").await["data"][0]["id"].as_str().unwrap().to_owned();
    for (to_vendors, target) in [
        (false, "/healthz".to_owned()),
        (false, format!("/v1/callbacks/{id}/body")),
        (true, "/healthz".to_owned()),
        (true, "/in/desk".to_owned()),
    ] {
        let (head, _) = raw(&callbox, to_vendors, &target, "gzip").await;
        assert!(!head.contains("content-encoding"), "{target}: {head}");
    }
    let head = callbox.ask_with("HEAD", "/v1/events", &[("accept-encoding", "gzip")]).await;
    assert_eq!((head.status, head.header("content-encoding")), (200, None));
}

#[tokio::test]
async fn a_compressed_stream_tells_each_event_at_once() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let callbox = Callbox::start(SHOPS).await;
    let mut stream = tokio::net::TcpStream::connect(callbox.api).await.unwrap();
    let request = format!(
        "GET /v1/events/stream HTTP/1.1\r\nhost: {}\r\naccept-encoding: gzip\r\n\r\n",
        callbox.api
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut received, mut pushed) = (Vec::new(), false);
    loop {
        let mut buffer = vec![0; 65_536];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the stream ended");
        received.extend_from_slice(&buffer[..count]);
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        // What came so far can be read, though the stream has no end.
        let mut text = Vec::new();
        let _ = GzDecoder::new(&*unchunked(&received[end + 4..])).read_to_end(&mut text);
        let text = String::from_utf8(text).unwrap();
        if text.contains("retry: 2000") && !pushed {
            pushed = true;
            callbox.push("desk", update("kettle", "A1", "READ")).await;
        }
        if text.contains("\"type\":\"message.read\"") && text.ends_with("\n\n") {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_prints_whole_lists_callbacks_and_keys() {
    let callbox = Callbox::start(SHOPS).await;
    callbox.push("desk", statuses(1, 250, 0)).await;
    callbox.push("shop", "{broken").await;
    let api = format!("http://{}", callbox.api);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
        let output =
            tokio::task::block_in_place(|| command.args(arguments).args(["--api", &api]).output());
        let output = output.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, csv, _) = run(&["events", "--format", "csv", "--source", "desk"]);
    assert_eq!((code, csv.lines().count()), (Some(0), 251));
    assert_eq!(csv, export(&callbox, "/v1/events?format=csv&source=desk").await);
    let (code, jsonl, _) = run(&["messages", "--format", "jsonl", "--limit", "220"]);
    assert_eq!((code, jsonl.lines().count()), (Some(0), 220));
    let (code, _, error) = run(&["events", "--format", "csv", "--state", "odd"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("parameter `state`"), "{error}");

    let (code, table, _) = run(&["callbacks", "--outcome", "quarantined"]);
    assert_eq!((code, table.lines().count()), (Some(0), 2), "{table}");
    assert!(table.contains("the body is not valid JSON"), "{table}");
    let id = table.split_whitespace().last().unwrap().to_owned();
    let (_, shown, _) = run(&["callbacks", "show", &id]);
    assert!(shown.contains("\"outcome\": \"quarantined\""), "{shown}");
    assert_eq!(run(&["callbacks", "show", &id, "--body"]).1, "{broken");
    assert_eq!(run(&["callbacks", "show", "cbk_nothing"]).0, Some(1));
    let (code, keys, _) = run(&["keys", "list"]);
    assert_eq!(code, Some(0));
    assert!(keys.contains("callbox keys new"), "{keys}");
}

#[tokio::test]
async fn a_key_that_is_limited_to_sources_exports_these_alone() {
    use sha2::{Digest, Sha256};
    let keys = format!(
        "[api]\nlisten = \"127.0.0.1:0\"\n[api.keys.shop]\nsha256 = \"{}\"\nscopes = [\"read\"]\nsources = [\"shop\"]\n{SHOPS}",
        hex::encode(Sha256::digest("cbx_shop"))
    );
    let callbox = Callbox::start(&keys).await;
    callbox.push("desk", statuses(1, 3, 0)).await;
    callbox.push("shop", receipt("m-1", "sent")).await;
    for list in ["events", "messages"] {
        let path = format!("/v1/{list}?format=csv");
        assert_eq!(http::send(callbox.api, "GET", &path, &[], b"").await.unwrap().status, 401);
        let at: url::Url = format!("http://{}", callbox.api).parse().unwrap();
        let key = Some(callbox::domain::secret::Secret::new("cbx_shop".to_owned()));
        let client = Client::new(Addresses { push: at.clone(), api: at, key }).unwrap();
        let (mut download, mut bytes) = (client.open(&path).await.unwrap(), Vec::new());
        while let Some(piece) = download.next().await.unwrap() {
            bytes.extend(piece);
        }
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!((text.lines().count(), text.contains("desk")), (2, false), "{text}");
    }
}
