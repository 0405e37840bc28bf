//! What is read: for each vendor a receipt of about 1 KiB, or what comes nearest to one, and an inbound message.

use std::error::Error;

use bytes::Bytes;
use callbox::clock::Time;
use callbox::config::{Config, Environment};
use callbox::domain::callback::{Callback, Head};
use callbox::domain::id::CallbackId;
use callbox::domain::source::Source;

/// A callback, and the source that it comes in on.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) is_form: bool,
    pub(crate) source: Source,
    pub(crate) callback: Callback,
}

/// A callback's name, its body, and its vendor.
const BODIES: [(&str, &str, &[u8]); 10] = [
    ("wavecell receipt", "wavecell", include_bytes!("callbacks/wavecell_receipt.json")),
    ("wavecell inbound", "wavecell", include_bytes!("callbacks/wavecell_inbound.json")),
    ("wessaal receipt", "wessaal", include_bytes!("callbacks/wessaal_receipt.json")),
    ("wessaal inbound", "wessaal", include_bytes!("callbacks/wessaal_inbound.json")),
    ("whautochat receipt", "whautochat", include_bytes!("callbacks/whautochat_receipt.json")),
    ("whautochat inbound", "whautochat", include_bytes!("callbacks/whautochat_inbound.json")),
    ("wachat receipt", "wachat", include_bytes!("callbacks/wachat_receipt.form")),
    ("wachat inbound", "wachat", include_bytes!("callbacks/wachat_inbound.form")),
    ("generic receipt", "generic", include_bytes!("callbacks/generic_receipt.json")),
    ("generic inbound", "form", include_bytes!("callbacks/generic_inbound.form")),
];

/// A source of each vendor, and a second generic one for the form.
const CONFIGURATION: &str = r#"
[sources.wavecell]
vendor = "wavecell"
auth = [{ type = "bearer", secrets = ["kettle"] }]

[sources.wessaal]
vendor = "wessaal"
auth = [{ type = "bearer", secrets = ["kettle"] }]

[sources.whautochat]
vendor = "whautochat"
auth = [{ type = "bearer", secrets = ["kettle"] }]

[sources.wachat]
vendor = "wachat"
auth = [{ type = "bearer", secrets = ["kettle"] }]

[sources.generic]
vendor = "generic"
auth = [{ type = "bearer", secrets = ["kettle"] }]

[sources.generic.mapping]
type = "/kind"
types = { "msg.in" = "message.received", "msg.status" = "message.status" }
id = "/message/id"
time = "/at"
status = "/message/state"
statuses = { "DLVRD" = "delivered", "UNDELIV" = "failed" }
channel = "text:sms"
client_ref = "/message/reference"
from_phone = "/message/from"
to_phone = "/message/to"
text = "/message/text"
error_code = "/message/error"
account = "/account"

[sources.form]
vendor = "generic"
auth = [{ type = "bearer", secrets = ["kettle"] }]
timezone = "Europe/London"

[sources.form.mapping]
type = ["form:dlr", "text:message.received"]
types = { "*" = "message.status" }
id = "form:msgid"
time = "form:when"
time_format = "%d/%m/%Y %H:%M:%S"
status = "form:dlr"
statuses = { "1" = "delivered", "2" = "failed" }
channel = "text:sms"
from_phone = "form:sender"
to_phone = "form:number"
text = "form:text"
"#;

/// Every callback, ready to be read.
pub(crate) fn all() -> Result<Vec<Case>, Box<dyn Error>> {
    let config = Config::parse(CONFIGURATION, "bench.toml", &Environment::default())?;
    let cases = BODIES.iter().map(|(name, source, body)| {
        let source = config.sources.iter().find(|known| known.name.as_str() == *source);
        let source = source.ok_or("there is no such source")?.clone();
        let body = Bytes::from_static(body.trim_ascii_end());
        let is_form = !body.starts_with(b"{");
        let callback = callback(&source, body, is_form);
        Ok(Case { name, is_form, source, callback })
    });
    cases.collect()
}

fn callback(source: &Source, body: Bytes, is_form: bool) -> Callback {
    let content_type =
        if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
    let headers = [
        ("accept", "*/*"),
        ("authorization", "Bearer kettle"),
        ("content-length", &body.len().to_string()),
        ("content-type", content_type),
        ("host", "hooks.example.com"),
        ("user-agent", "Kettle-Gateway/7.1"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
    ];
    Callback {
        id: CallbackId::from_bits(1),
        source: source.name.clone(),
        received_at: Time::from_millis(1_786_526_158_000),
        head: Head {
            method: "POST".to_owned(),
            path: format!("/in/{}", source.name),
            query: String::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            token: None,
            remote: None,
        },
        body,
    }
}
