//! Taking callbacks in: which answer comes first, what is too large or too slow, and what becomes of what can't be understood.

use std::fmt::Write;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::http::{self, Answer, Headers};

/// One source that takes anything, one that wants a bearer token, one that wants a signed body; each takes 100 bytes.
const THREE: &str = r#"
[sources.open]
vendor = "wavecell"
auth = [{ type = "none" }]
max_body = 100
[sources.guarded]
vendor = "wavecell"
auth = [{ type = "bearer", secrets = ["right"] }]
max_body = 100
[sources.signed]
vendor = "wavecell"
auth = [{ type = "hmac", header = "x-signature", algorithm = "sha256", encoding = "hex", parts = ["body"], secrets = ["key"] }]
max_body = 100
"#;

/// A source that takes anything of one vendor's.
fn open(vendor: &str) -> String {
    let mapping = if vendor == "generic" {
        "mapping = { type = \"/type\", id = \"/id\", types = { said = \"message.received\" } }\n"
    } else {
        ""
    };
    format!("[sources.{vendor}]\nvendor = \"{vendor}\"\nauth = [{{ type = \"none\" }}]\n{mapping}")
}

/// A push, by method, target, headers and body, and the status and code of its refusal.
type Refused<'a> = (&'a str, &'a str, Headers<'a>, &'a [u8], u16, &'a str);

#[tokio::test]
async fn answers_are_decided_in_the_contracts_order() {
    let callbox = Callbox::start(THREE).await;
    let large = [b' '; 101].as_slice();
    let right = ("authorization", "Bearer right");
    let wrong = ("authorization", "Bearer wrong");
    let table: [Refused<'_>; 11] = [
        ("PUT", "/in/nobody", &[wrong], large, 404, "not_found"),
        ("POST", "/in/", &[], b"{}", 404, "not_found"),
        ("POST", "/nowhere", &[], b"{}", 404, "not_found"),
        ("PUT", "/in/guarded", &[wrong], large, 405, "method_not_allowed"),
        ("GET", "/in/open", &[], b"", 405, "method_not_allowed"),
        ("POST", "/in/guarded", &[wrong], large, 401, "unauthentic"),
        ("POST", "/in/guarded", &[wrong], b"{}", 401, "unauthentic"),
        ("POST", "/in/guarded", &[], b"{}", 401, "unauthentic"),
        ("POST", "/in/guarded", &[right], large, 413, "too_large"),
        ("POST", "/in/signed", &[], large, 413, "too_large"),
        ("POST", "/in/signed", &[("x-signature", "00")], b"{}", 401, "unauthentic"),
    ];
    for (method, target, headers, body, status, code) in table {
        let answer = http::send(callbox.vendors, method, target, headers, body).await.unwrap();
        answer.problem(status, code);
        let allow = (status == 405).then_some("POST");
        assert_eq!(answer.header("allow"), allow, "{method} {target}");
    }
    let answer = callbox.post("/in/guarded", &[right], "no json").await;
    assert_eq!(answer.json()["quarantined"].as_str().map(str::is_empty), Some(false));

    // What was refused for its path, its method or its size left nothing; what was not authentic is kept, but for the large one.
    let kept = callbox.json("/v1/callbacks").await;
    let outcomes: Vec<_> =
        kept["data"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["quarantined", "unauthentic", "unauthentic", "unauthentic"]);
    let lost = callbox.json("/v1/sources").await["no_source"].clone();
    let paths: Vec<_> = lost["latest"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
    assert_eq!(
        (&lost["received"], paths.as_slice()),
        (&json!(3), [&json!("/nowhere"), &json!("/in/"), &json!("/in/nobody")].as_slice())
    );
}

#[tokio::test]
async fn a_path_that_a_proxy_may_read_otherwise_leads_to_no_source() {
    let callbox = Callbox::start(THREE).await;
    let tricks = [
        "/in/open/../guarded",
        "/in/open/%2e%2E/guarded",
        "/in/open/x/.%2e/../guarded",
        "/in/open/..",
        "/in/open/%00",
        "/in/open%00",
        "/in/open%2f",
        "/in/%6fpen",
        "/in//open",
        "//in/open",
        "/in/open;x=1",
        "/in/OPEN",
    ];
    for target in tricks {
        callbox.post(target, &[], "{}").await.problem(404, "not_found");
    }
    for target in
        ["/in/open/a..b", "/in/open/100%25", "/in/open/x%2Fy", "/in/open/...", "/in/open/"]
    {
        assert_eq!(callbox.post(target, &[], "{}").await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn a_callback_is_answered_with_its_own_id_and_its_events() {
    let callbox = Callbox::start(&open("wavecell")).await;
    let first = callbox.push("wavecell", receipt("m1", "delivered")).await;
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert!(first.callback().starts_with("cbk_"));
    assert!(first.events()[0].starts_with("evt_"));
    assert_eq!(first.json().as_object().unwrap().len(), 2);

    let again = callbox.push("wavecell", receipt("m1", "delivered")).await;
    assert_ne!(again.callback(), first.callback());
    assert_eq!(again.events(), first.events());
    assert_eq!(again.json()["duplicate"], true);

    let quarantined = callbox.push("wavecell", "{\"cut").await;
    assert_eq!(quarantined.events(), Vec::<String>::new());
    let record = callbox.json(&format!("/v1/callbacks/{}", quarantined.callback())).await;
    assert_eq!(record["reason"], quarantined.json()["quarantined"]);
    assert_eq!(record["outcome"], "quarantined");
    assert_eq!(callbox.events("").await.len(), 1);
}

#[tokio::test]
async fn a_body_is_judged_by_the_bytes_that_came_whatever_its_framing() {
    let callbox = Callbox::start(THREE).await;
    let chunked = |sizes: &[usize]| {
        let mut body = String::new();
        for size in sizes {
            write!(body, "{size:x}\r\n{}\r\n", "x".repeat(*size)).unwrap();
        }
        body + "0\r\n\r\n"
    };
    let framed = [("transfer-encoding", "chunked")];
    let fits = callbox.post("/in/open", &framed, chunked(&[60, 40])).await;
    assert_eq!(callbox.body_of(&fits.callback()).await, [b'x'; 100]);
    callbox.post("/in/open", &framed, chunked(&[60, 41])).await.problem(413, "too_large");
    callbox.post("/in/open", &framed, chunked(&[1_000_000])).await.problem(413, "too_large");

    let raw = |lines: &str, body: &str| {
        format!("POST /in/open HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{lines}\r\n{body}")
    };
    // More than it says: what is behind the end is no part of it, and no callback of its own.
    let request = raw("content-length: 5\r\n", "12345tail");
    let kept = http::exchange(callbox.vendors, request.as_bytes()).await.unwrap();
    assert_eq!(callbox.body_of(&kept.callback()).await, b"12345");
    // Framed in two ways at once, or in one that makes no sense: refused, for a proxy might read it otherwise.
    for lines in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: five\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
    ] {
        let answer = http::exchange(callbox.vendors, raw(lines, "123456").as_bytes()).await;
        assert!(answer.as_ref().is_ok_and(|answer| answer.status == 400), "{lines}: {answer:?}");
    }
    // Less than it says: it breaks off, and is not kept.
    let mut stream = TcpStream::connect(callbox.vendors).await.unwrap();
    stream.write_all(raw("content-length: 9\r\n", "1234").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    assert!(
        http::answer(&received).is_ok_and(|answer| answer.status == 400) || received.is_empty()
    );
    assert_eq!(callbox.json("/v1/callbacks").await["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_answered_408_and_not_kept() {
    let callbox = Callbox::start(THREE).await;
    for (target, status, code) in
        [("/in/open", 408, "too_slow"), ("/in/guarded", 401, "unauthentic")]
    {
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 9\r\n\r\n1234"
        );
        slow(&callbox, &head).await.problem(status, code);
    }
    assert_eq!(callbox.json("/v1/callbacks").await["data"], json!([]));
}

/// Sends this and no more, and lets time pass until there is an answer.
async fn slow(callbox: &Callbox, bytes: &str) -> Answer {
    let mut stream = TcpStream::connect(callbox.vendors).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let (mut received, mut waited) = (Vec::new(), 0);
    while waited < 20_000 {
        tokio::select! {
            biased;
            read = stream.read_buf(&mut received) => {
                if read.unwrap() == 0 {
                    break;
                }
            }
            // Questions take their time, so that the one who waits gets to run.
            _ = callbox.ask("/healthz") => {
                waited += 1;
                callbox.clock.advance(std::time::Duration::from_secs(1));
            }
        }
    }
    http::answer(&received)
        .unwrap_or_else(|error| unreachable!("no answer after {waited} s: {error}"))
}

#[tokio::test]
async fn any_body_is_kept_byte_for_byte() {
    let callbox = Callbox::start(&open("wavecell")).await;
    let mut megabyte: Vec<u8> =
        (0..1_048_576_u32).map(|n| n.wrapping_mul(31).to_be_bytes()[3]).collect();
    megabyte[0] = 0;
    // What gzip makes of "x", as it goes over the wire.
    let gzip =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x00\x00\x83\x16\xdc\x8c\x01\x00\x00\x00";
    let table: [(&str, Headers<'_>, Vec<u8>); 9] = [
        ("nothing", &[], Vec::new()),
        ("invalid UTF-8", &[], b"{\"text\":\"\xff\xfe\"}".to_vec()),
        ("a mebibyte", &[("content-type", "application/octet-stream")], megabyte),
        ("gzip", &[("content-encoding", "gzip")], gzip.to_vec()),
        ("not gzip at all", &[("content-encoding", "br, gzip")], b"plain".to_vec()),
        ("duplicate keys", &[], br#"{"a":1,"a":2,"version":9,"version":8}"#.to_vec()),
        ("deep nesting", &[], [vec![b'['; 200_000], vec![b']'; 200_000]].concat()),
        ("escapes", &[], br#"{"a":"\ud800","b":"\u0000","c":1e999}"#.to_vec()),
        (
            "a form",
            &[("content-type", "application/x-www-form-urlencoded")],
            b"a=%zz&&=&a".to_vec(),
        ),
    ];
    for (what, headers, body) in table {
        let answer = callbox.post("/in/wavecell", headers, &body).await;
        let id = answer.callback();
        assert!(callbox.body_of(&id).await == body, "{what}: another body came back");
        let record = callbox.json(&format!("/v1/callbacks/{id}")).await;
        assert_eq!(record["body_size"], body.len(), "{what}");
    }
}

#[tokio::test]
async fn what_no_adapter_can_read_is_quarantined_and_never_an_error() {
    let names: Vec<&str> = callbox::vendor::VENDORS.iter().map(|vendor| vendor.code()).collect();
    let text: String = names.iter().map(|name| open(name)).collect();
    let callbox = Callbox::start(&text).await;
    let types = [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "text/xml; charset=klingon",
        "\u{e9}",
    ];
    let deep = "{\"a\":".repeat(10_000);
    let bodies: [&[u8]; 7] =
        [b"", b"\x00\xff", b"--x\r\n", b"<a><b>", b"\xef\xbb\xbf[", deep.as_bytes(), b"null"];
    let mut quarantined = 0;
    for name in names {
        for content_type in types {
            for body in bodies {
                let answer = callbox
                    .post(&format!("/in/{name}"), &[("content-type", content_type)], body)
                    .await;
                assert_eq!(answer.status, 200, "{name} {content_type} {body:?}");
                quarantined += usize::from(answer.json().get("quarantined").is_some());
            }
        }
        let counts = callbox.json(&format!("/v1/sources/{name}")).await;
        assert_eq!(counts["received"], types.len() * bodies.len());
    }
    assert!(quarantined > 100, "{quarantined}");
    assert_eq!(callbox.json("/health").await["ok"], true);
}

#[tokio::test]
async fn a_source_can_have_an_answer_of_its_own_also_by_type() {
    let callbox = Callbox::start(
        r#"
        [sources.shop]
        vendor = "wavecell"
        auth = [{ type = "none" }]
        answer = { status = 202, content_type = "text/plain", body = "taken" }
        [sources.shop.answers]
        "message.received" = { body = "<Response/>", content_type = "application/xml" }
        "message.failed" = { status = 204 }
        "message.sent" = { body = "" }
        "#,
    )
    .await;
    let table = [
        (receipt("m", "delivered"), 202, Some("text/plain"), "taken"),
        (receipt("m", "delivered"), 202, Some("text/plain"), "taken"), // a repetition
        ("no json".to_owned(), 202, Some("text/plain"), "taken"),
        (inbound("n", "hi"), 200, Some("application/xml"), "<Response/>"),
        (receipt("m", "undelivered"), 204, None, ""),
        (receipt("m", "sent"), 200, None, ""),
    ];
    for (body, status, content_type, text) in table {
        let answer = callbox.push("shop", &body).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{body}");
        assert_eq!(answer.header("content-type"), content_type, "{body}");
    }
}
