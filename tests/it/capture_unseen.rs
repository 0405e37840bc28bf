//! Captures of callbacks that no shipped fixture has: whatever form they come in, they pass at once, and nothing in them is anybody's.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callbox::vendor::authenticity::sign;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::http;
use crate::support::program::{Place, Program};

/// Sources of every vendor, most of which want to be shown something.
const SOURCES: &str = r#"
[sources.bakery]
vendor = "wachat"
auth = [{ type = "basic", secrets = ["rosalind:a-password-of-hers"] }]
answer = { status = 202, body = "Thanks, Rosalind" }
[sources.bridge]
vendor = "wessaal"
auth = [{ type = "hmac", header = "x-signed", parts = ["url", "header:x-request-id", "body"], secrets = ["a-secret-of-thaddeus"] }]
[sources.crafts]
vendor = "whautochat"
auth = [{ type = "header", name = "x-shop", secrets = ["a-word-of-nomvula"] }]
[sources.parcel]
vendor = "generic"
auth = [{ type = "none" }]
[sources.parcel.mapping]
takes_get = true
type = ["/kind", "form:kind", "query:kind"]
types = { "in" = "message.received", "dlr" = "message.status" }
id = ["/id", "form:id", "query:id"]
status = ["/state", "form:state", "query:state"]
statuses = { "D" = "delivered" }
from_phone = ["/from", "form:from", "query:from"]
text = ["/text", "form:text", "query:text"]
"#;

/// What is somebody's in the callbacks below, in small letters.
const SOMEBODYS: [&str; 34] = [
    "rosalind",
    "okonkwo",
    "6591234567",
    "91234567",
    "9123-4567",
    "thaddeus",
    "quill",
    "8765 4321",
    "87654321",
    "48619",
    "993120",
    "4821",
    "1990-05-17",
    "s8412345",
    "103.8607773",
    "c0ffee11",
    "19044170",
    "budiarto",
    "9988-7766",
    "81299887766",
    "conceição",
    "figueiredo",
    "987654321",
    "98765-4321",
    "padaria",
    "3a0f1e2d",
    "nomvula",
    "dlamini",
    "821234567",
    "kq4v9zt1",
    "wolfgang",
    "amsel",
    "4366012345",
    "a-password",
];

type Sent = (&'static str, String, Vec<(&'static str, String)>, String);

/// Callbacks: method, target, headers, body.
fn callbacks() -> Vec<Sent> {
    let form = || ("content-type", "application/x-www-form-urlencoded".to_owned());
    let plain = || ("content-type", "application/json".to_owned());
    let post = |target: &str, headers: Vec<(&'static str, String)>, body: String| {
        ("POST", target.to_owned(), headers, body)
    };
    let wavecell = |body: Value| {
        let customer = ("x-customer", "Rosalind Okonkwo".to_owned());
        let proxy = ("x-forwarded-for", "203.0.113.77".to_owned());
        post("/in/shop", vec![plain(), customer, proxy], body.to_string())
    };
    let basic =
        || ("authorization", format!("Basic {}", STANDARD.encode("rosalind:a-password-of-hers")));
    let crafts = |body: &str| {
        post(
            "/in/crafts",
            vec![plain(), ("x-shop", "a-word-of-nomvula".to_owned())],
            body.to_owned(),
        )
    };
    let parcel = |target: &str, headers, body: &str| post(target, headers, body.to_owned());
    let hidden = STANDARD.encode("Conceição Figueiredo 5511987654321");
    let flow = json!({ "full_name": "Rosalind Okonkwo", "birthday": "1990-05-17", "nric": "S8412345D", "phone": "6591234567" });
    let chat = "id=19044170&gateway_number=6221500123&originator=6281299887766&receive_date=2026-08-12+10%3A15%3A30\
                &msg=Saya+Budiarto%2C+0812-9988-7766%0D%0A";
    vec![
        wavecell(json!({ "version": 3, "namespace": "ChatApps", "eventType": "inbound_message_received", "payload": {
            "umid": "c0ffee11-2233-4455-8677-8899aabbcc01", "subAccountId": "okonkwo_bakery", "timestamp": "2026-08-13T08:25:46Z",
            "user": { "msisdn": "+6591234567", "name": "Rosalind Okonkwo" }, "recipient": { "channel": "whatsapp", "channelId": "6568001234" },
            "type": "Interactive", "content": { "interactive": { "type": "nfmReply", "nfmReply": { "responseJson": flow.to_string() } } } } })),
        wavecell(json!({ "version": 3, "namespace": "ChatApps", "eventType": "inbound_message_received", "payload": {
            "umid": "okonkwo-2", "subAccountId": "okonkwo_bakery", "timestamp": "2026-08-13T08:25:46.12Z", "user": { "msisdn": "+6591234567" },
            "recipient": { "channel": "whatsapp" }, "type": "Location",
            "content": { "location": { "latitude": 1.283_456_1, "longitude": 103.860_777_3, "address": "12 Quill Lane 048619" } } } })),
        wavecell(json!({ "namespace": "SMS", "eventType": "inbound_message_received", "payload": {
            "umid": "c0ffee11-2233-4455-8677-8899aabbcc02", "subAccountId": "okonkwo_sms", "timestamp": "2026-08-13T08:25:46.123Z",
            "source": "+6591234567", "destination": "OKONKWO", "body": "Rosalind's PIN is 4821, OTP 993120, ring 91234567 or 9123-4567" } })),
        wavecell(json!({ "namespace": "ChatApps", "eventType": "brand_new", "payload": { "code": "993120", "verificationCode": "993120",
            "postCode": "048619", "status": "Rosalind", "people": { "Rosalind": "x", "Thaddeus Quill": 1, "6591234567": "y" },
            "vcard": "BEGIN:VCARD\nFN:Thaddeus Quill\nTEL;waid=6587654321:+65 8765 4321\nEND:VCARD" } })),
        post("/in/shop", vec![("content-type", "application/xml".to_owned())],
            "<root><namespace>SMS</namespace><eventType>outbound_message_status_changed</eventType><payload><umid>c0ffee11-2233-4455-8677-8899aabbcc09</umid>\
             <source>OKONKWO</source><destination>+6591234567</destination><status><state>delivered</state><timestamp>2026-08-12T12:00:00Z</timestamp></status></payload></root>".to_owned()),
        post("/in/shop", vec![plain()], "{broken Rosalind 6591234567".to_owned()),
        post("/in/bakery", vec![form(), basic(), ("cookie", "name=Rosalind".to_owned())], chat.to_owned()),
        post("/in/bakery", vec![form(), basic()], chat.to_owned()),
        post("/in/bakery", vec![basic()], String::new()),
        post("/in/bakery", vec![("content-type", "application/octet-stream".to_owned()), basic()], "\u{0}\u{1}Budiarto\u{fffd}".to_owned()),
        post("/in/bridge/messages-upsert?of=Concei%C3%A7%C3%A3o", vec![plain(), ("x-request-id", "padaria-1".to_owned())], json!({
            "event": "messages.upsert", "instance": "padaria-esperanca", "server_url": "https://evo.padaria.com.br", "apikey": "429683C4C977415CAAFCCE10F7D57E11",
            "data": { "key": { "remoteJid": "5511987654321@s.whatsapp.net", "fromMe": false, "id": "3A0F1E2D3C4B5A6978AA" }, "pushName": "Conceição Figueiredo",
                "message": { "imageMessage": { "mimetype": "image/jpeg", "caption": "Oi, 11 98765-4321" }, "base64": hidden },
                "messageType": "imageMessage", "messageTimestamp": 1_786_530_140 } }).to_string()),
        crafts(r#"{"event":{"id":"kQ4v9Zt1LD","type":"incoming_whatsapp_message","timeStamp":"2026-08-12T03:31:24.572Z","key":"p7Rw2Xc5ND"},"message":{"id":"p7Rw2Xc5ND","contact":{"id":"tB8yH3uJ6A","phoneNumber":"27821234567"},"isIncoming":"true","type":"text","from":"Nomvula "The Weaver" Dlamini","text":"She said "call 082 123 4567""}}"#),
        crafts(r#"{"event":{"id":"kQ4v9Zt1LC","type":"contact_tag_added","timeStamp":"2026-08-12T03:31:24.572Z","key":"tB8yH3uJ6A"},"contact":{"id":"tB8yH3uJ6A","name":"Nomvula Dlamini","channel":"Whatsapp","phoneNumber":"+27821234567","tags":"["Nomvula"]","customFields":"[{"name":"birthday","value":"1990-05-17"}]"}}"#),
        ("GET", "/in/parcel?kind=in&id=Wolfgang-1&from=%2B436601234567&text=Wolfgang%20Amsel&Wolfgang".to_owned(),
            vec![("referer", "https://amsel.at/wolfgang".to_owned())], String::new()),
        parcel("/in/parcel/Wolfgang/436601234567/%41msel", vec![form()], "kind=dlr&id=%57olfgang&state=D&from=%34%33%36%36%30%31%32%33%34%35%36%37"),
        parcel("/in/parcel", vec![plain()], &json!({ "kind": "in", "id": "w-3", "text": "x", "list": ["Wolfgang", [436_601_234_567_u64]],
            "blob": STANDARD.encode("{\"name\":\"Wolfgang Amsel\"}") }).to_string()),
    ]
}

async fn push(program: &Program, place: &Place) {
    let config = callbox::config::Config::load(&place.configuration()).unwrap();
    for (method, target, headers, body) in callbacks() {
        let mut headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if target.starts_with("/in/bridge") {
            let source =
                config.sources.iter().find(|source| source.name.as_str() == "bridge").unwrap();
            let (path, query) = target.split_once('?').unwrap();
            let (path, query) = (path.to_owned(), query.to_owned());
            let mut head = callbox::domain::callback::Head {
                method: "POST".to_owned(),
                path,
                query,
                headers,
                token: None,
                remote: None,
            };
            let now = callbox::clock::Clock::now(&callbox::clock::SystemClock::new());
            sign(&source.auth, &mut head, body.as_bytes(), now, "https://hooks.okonkwo.example")
                .unwrap();
            headers = head.headers;
        }
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer =
            http::send(program.vendors, method, &target, &headers, body.as_bytes()).await.unwrap();
        assert!(
            (200..300).contains(&answer.status),
            "{target}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

fn place() -> Place {
    Place::with("server.public_url = \"https://hooks.okonkwo.example\"\n", SOURCES)
}

fn capture(program: &Program, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    command.args(["capture", "--api", &format!("http://{}", program.api), "--out"]).arg(out);
    command
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// All that can be read in these bytes, in small letters: as they are, without percent signs, without JSON's escapes, out of base64.
fn readings(bytes: &[u8]) -> Vec<String> {
    let plain = String::from_utf8_lossy(bytes).into_owned();
    let bare = percent_encoding::percent_decode(bytes).decode_utf8_lossy().into_owned();
    let pieces =
        bare.split(|letter: char| !letter.is_ascii_alphanumeric() && !"+/=".contains(letter));
    let mut found: Vec<String> = pieces
        .filter_map(|piece| STANDARD.decode(piece).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect();
    let unescaped = plain.replace("\\\\", "\\").replace("\\\"", "\"");
    found.extend([plain, bare, unescaped]);
    found.iter().map(|text| text.to_lowercase()).collect()
}

fn assert_nobodys(folder: &Path) {
    let mut left = Vec::new();
    for path in files(folder) {
        let mut readings = readings(&fs::read(&path).unwrap());
        readings.push(path.file_name().unwrap().to_string_lossy().to_lowercase());
        for somebodys in SOMEBODYS {
            if readings.iter().any(|text| text.contains(somebodys)) {
                left.push(format!("{}: {somebodys}", path.display()));
            }
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

fn assert_passes(folder: &Path, fixtures: usize) {
    let replay = Command::new(env!("CARGO_BIN_EXE_callbox"))
        .arg("replay")
        .arg(folder)
        .arg("--embedded")
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&replay.stdout).into_owned();
    assert_eq!(report.trim(), format!("{fixtures} fixtures: {fixtures} passed"), "{report}");
    assert_eq!(replay.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callbacks_nobody_foresaw_are_captured_pass_at_once_and_say_nothing_of_anybody() {
    let place = place();
    let program = place.start();
    push(&program, &place).await;
    let out = tempfile::tempdir().unwrap();
    let said = capture(&program, out.path()).args(["--seed", "7"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(
        files(out.path()).len(),
        2 * callbacks().len(),
        "{}",
        String::from_utf8_lossy(&said.stdout)
    );
    assert_passes(out.path(), callbacks().len());
    assert_nobodys(out.path());
    // What names the event in the path stays; what names somebody does not.
    let path_of = |begin: &str| {
        let found = files(out.path())
            .into_iter()
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with(begin));
        String::from_utf8_lossy(&fs::read(found.unwrap()).unwrap())
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(
        path_of("bridge_0001_message_received.http")
            .starts_with("POST /in/bridge/messages-upsert?of=")
    );

    // The head's lines may end as on Windows; one changed byte in what is expected is found, and named.
    for path in files(out.path()) {
        let bytes = fs::read(&path).unwrap();
        let changed = if path.extension().unwrap() == "http" {
            let head = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
            [
                bytes[..head]
                    .iter()
                    .flat_map(|byte| if *byte == b'\n' { b"\r\n".to_vec() } else { vec![*byte] })
                    .collect(),
                bytes[head..].to_vec(),
            ]
            .concat()
        } else {
            [
                b"\xef\xbb\xbf".to_vec(),
                String::from_utf8(bytes).unwrap().replace('\n', "\r\n").into_bytes(),
            ]
            .concat()
        };
        fs::write(&path, changed).unwrap();
    }
    assert_passes(out.path(), callbacks().len());
    let one = files(out.path())
        .into_iter()
        .find(|path| path.ends_with("shop_0003_message_received.json"))
        .unwrap();
    let text = fs::read_to_string(&one).unwrap();
    fs::write(&one, text.replacen("\"time\": \"2026", "\"time\": \"2126", 1)).unwrap();
    let replay = Command::new(env!("CARGO_BIN_EXE_callbox"))
        .arg("replay")
        .arg(out.path())
        .arg("--embedded")
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&replay.stdout).into_owned();
    assert_eq!(replay.status.code(), Some(1), "{report}");
    for part in ["shop_0003_message_received", "events[0].time", "2126-08-13", "2026-08-13"] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
}

/// A capture that goes on, ended as by Ctrl-C.
struct Following(Child);

impl Following {
    fn interrupt(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        self.0.wait().unwrap().code()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_that_goes_on_writes_what_comes_until_it_is_interrupted() {
    let place = place();
    let program = place.start();
    let out = tempfile::tempdir().unwrap();
    let mut child =
        capture(&program, out.path()).arg("--follow").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut written = move || -> usize {
        let line = lines.next().unwrap().unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    };
    let following = Following(child);
    assert_eq!(tokio::task::block_in_place(&mut written), 0);
    push(&program, &place).await;
    let mut all = 0;
    while all < callbacks().len() {
        all += tokio::task::block_in_place(&mut written);
    }
    assert_eq!(following.interrupt(), Some(0));
    assert_eq!(files(out.path()).len(), 2 * callbacks().len());
    assert_passes(out.path(), callbacks().len());
}
