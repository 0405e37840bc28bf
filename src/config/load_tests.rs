//! What a configuration is refused for, and how that is told.

use std::fmt::Write;

use super::*;
use crate::config::Place;
use crate::domain::source::{Scheme, SignedPart};

const SHIPPED: &str = include_str!("../../config/callbox.toml");

/// A source and a destination that are right, without their last lines.
const SOURCE: &str = "[sources.shop]\nvendor = \"wavecell\"\n";
const OPEN: &str = "auth = [{ type = \"none\" }]\n";
const DESTINATION: &str = "[destinations.crm]\nurl = \"https://crm.example.com/hooks\"\n";

/// What a text is refused for, a line for each mistake; empty if it is taken.
fn mistakes(text: &str) -> String {
    match Config::parse(text, "c.toml", &Environment::default()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_shipped_configuration_runs_as_it_is() {
    let config = Config::parse(SHIPPED, "callbox.toml", &Environment::default()).unwrap();
    let sources: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(sources, ["wachat", "wavecell", "wessaal", "whautochat"]);
    assert_eq!(config.destinations.len(), 1);
    assert!(config.server.listen.ip().is_loopback() && config.api.listen.ip().is_loopback());
    assert!(config.api.anonymous);
}

#[test]
fn an_empty_file_gives_the_documented_defaults() {
    let config = Config::parse("", "c.toml", &Environment::default()).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:8081");
    assert!(!config.api.anonymous);
    assert_eq!(config.store.path.to_str(), Some("data/callbox.db"));
    assert_eq!(config.store.retention.attempts.as_secs(), 30 * 86_400);
    assert_eq!(config.store.max_size, None);
}

#[test]
fn the_names_of_the_documentation_are_all_read() {
    let text = r#"
        [server]
        public_url = "https://hooks.example.com/in-here/"
        trusted_proxies = ["10.0.0.0/8"]
        [api.keys.dashboard]
        sha256 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
        scopes = ["read", "raw"]
        expires = 2027-01-01T00:00:00Z
        [sources.shop]
        vendor = "wachat"
        max_body = "2MiB"
        timezone = "Asia/Jakarta"
        answer = { status = 202, content_type = "text/plain", body = "" }
        answers = { "call.action" = { body = "[]" } }
        unauthentic_answer = 200
        unauthentic_keep = { callbacks = 10, bytes = "1MiB" }
        auth = [
            { type = "token", secrets = ["env:TOKEN"], header = "X-Token" },
            { type = "hmac", header = "X-Signature", timestamp_header = "X-Time", secrets = ["key"],
              parts = ["timestamp", "text:.", "header:X-Id", "body"], tolerance = "2m", prefix = "v0=" },
            { type = "jwt", secrets = ["key"] },
            { type = "allow_ips", networks = ["203.0.113.0/24", "2001:db8::1"] },
        ]
        [destinations.crm]
        url = "https://crm.example.com/hooks"
        events = ["message.*"]
        sources = ["shop"]
        channels = ["whatsapp"]
        headers = { X-Team = "kettles" }
        secrets = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"]
        retry = ["5s", "1h 30m"]
        timeout = "10s"
        max_concurrency = 2
        order = "none"
        from = "now"
        format = "raw"
        enabled = false
    "#;
    let environment = Environment::from([("TOKEN", "let-me-in")]);
    let config = Config::parse(text, "c.toml", &environment).unwrap();
    let source = config.sources.first().unwrap();
    assert_eq!(source.max_body, 2 << 20);
    assert_eq!(source.unauthentic_keep.bytes, 1 << 20);
    let [
        Scheme::Token { secrets, header },
        Scheme::Hmac(hmac),
        Scheme::Jwt { .. },
        Scheme::AllowIps { networks },
    ] = source.auth.as_slice()
    else {
        panic!("{:?}", source.auth)
    };
    assert_eq!(networks[1].to_string(), "2001:db8::1/128");
    assert_eq!((secrets[0].expose(), header.as_deref()), ("let-me-in", Some("x-token")));
    let parts = [
        SignedPart::Timestamp,
        SignedPart::Text(".".to_owned()),
        SignedPart::Header("x-id".to_owned()),
        SignedPart::Body,
    ];
    assert_eq!(hmac.parts, parts);
    let destination = config.destinations.first().unwrap();
    assert_eq!(destination.retry.0[1].as_secs(), 5_400);
    assert_eq!(destination.headers[0].0, "x-team");
    assert!(!destination.enabled);
}

#[test]
fn a_mistake_is_told_with_its_line_its_key_and_the_nearest_right_one() {
    let text = "[sources.crm]\nvender = \"wavecell\"\nauth = [{ type = \"none\" }]\n";
    let told = "c.toml:2: [sources.crm] unknown key `vender`; did you mean `vendor`?";
    assert_eq!(mistakes(text), told);
}

#[test]
fn several_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "[server]\nlisten = 5\nlissten = 1\n[sorces.x]\n[sources.y]\nvendor = \"wavcell\"\nauth = [{ type = \"bearr\", secrets = [] }]\n";
    let told = "c.toml:2: [server] listen: expected a text in quotes
c.toml:3: [server] unknown key `lissten`; did you mean `listen`?
c.toml:4: unknown key `sorces`; did you mean `sources`?
c.toml:6: [sources.y] vendor: there is no vendor `wavcell`; did you mean `wavecell`?
c.toml:7: [sources.y] auth[0].type: there is no scheme `bearr`; did you mean `bearer`?";
    assert_eq!(mistakes(text), told);
}

/// Each text is refused at a place in the file, and with the sentence beside it.
fn refused<const N: usize>(prefix: &str, table: [(&str, &str); N]) {
    let mut missed = String::new();
    for (text, sentence) in table {
        let told = mistakes(&format!("{prefix}{text}"));
        if !told.contains(sentence) || !told.starts_with("c.toml:") {
            writeln!(missed, "{text}\n-> {told}\nlacks {sentence}\n").unwrap();
        }
    }
    assert_eq!(missed, "");
}

#[test]
fn wrong_listeners_keys_and_stores_are_refused() {
    refused(
        "",
        [
            ("listen = ", "c.toml:1: "),
            ("[server]\nlisten = \"nowhere\"", "not an address and port"),
            ("[server]\nlisten = \"127.0.0.1:8081\"", "give them two ports"),
            ("[server]\nlisten = \"0.0.0.0:8081\"", "give them two ports"),
            ("[server]\npublic_url = \"hooks.example.com\"", "begin with http:// or https://"),
            ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "trusted_proxies[0]"),
            ("[server]\nmax_connections = 8", "max_connections: has to be a whole number, 16"),
            ("[api]\nlisten = \"0.0.0.0:9\"\nanonymous = \"loopback\"", "loopback listener only"),
            ("[api]\nanonymous = \"lopback\"", "did you mean `loopback`?"),
            ("[api.keys.one]\nsha256 = \"00\"\nscopes = [\"reed\"]", "not a SHA-256"),
            ("[api.keys.one]\nsha256 = \"00\"\nscopes = [\"reed\"]", "did you mean `read`?"),
            ("[api.keys.one]\nscopes = [\"read\"]", "[api.keys.one] lacks `sha256`"),
            ("[store]\nretention = { events = \"soon\" }", "retention.events: not a duration"),
            ("[store]\nretention = { events = \"1s\" }", "between 1h and 36500d"),
            (
                "[store]\nretention = { max_size = \"1KiB\" }",
                "max_size: has to be between 1048576 and",
            ),
            ("[store]\nretention = { max_size = \"all\" }", "max_size: expected a number of bytes"),
            (
                "[sources.Shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]",
                "is not a name",
            ),
            (SOURCE, "c.toml:1: [sources.shop] lacks `auth`"),
            ("[sources.shop]\nvendor = \"wavecell\"\nauth = []", r#"{ type = "none" }"#),
            ("[destinations.crm]", "lacks `url`"),
        ],
    );
}

#[test]
fn a_source_can_not_pose_as_callbox_itself() {
    let text = "[sources.callbox]\nvendor = \"wavecell\"\n";
    assert!(mistakes(&format!("{text}{OPEN}")).contains("this name is taken"));
}

#[test]
fn wrong_schemes_are_refused() {
    refused(
        SOURCE,
        [
            (
                r#"auth = [{ type = "none" }, { type = "bearer", secrets = ["a"] }]"#,
                "leave `none` out",
            ),
            (r#"auth = [{ type = "none", secrets = ["a"] }]"#, "`none` has no key `secrets`"),
            (r#"auth = [{ secrets = ["a"] }]"#, "lacks `type`"),
            (r#"auth = [{ type = "bearer" }]"#, "lacks `secrets`"),
            (r#"auth = [{ type = "bearer", secrets = [] }]"#, "at least one"),
            (
                r#"auth = [{ type = "bearer", secrets = [""] }]"#,
                "auth[0].secrets[0]: the secret is empty",
            ),
            (
                r#"auth = [{ type = "bearer", secrets = ["env:NOT_SET"] }]"#,
                "the variable NOT_SET is not set",
            ),
            (
                r#"auth = [{ type = "bearer", secrets = ["file:not/there"] }]"#,
                "can't read not/there",
            ),
            (
                r#"auth = [{ type = "bearer", secrets = ["a"], header = "x" }]"#,
                "`bearer` has no key `header`",
            ),
            (r#"auth = [{ type = "basic", secrets = ["nocolon"] }]"#, "user:password"),
            (
                r#"auth = [{ type = "header", name = "x y", secrets = ["a"] }]"#,
                "not a header's name",
            ),
            (r#"auth = [{ type = "jwt" }]"#, "lacks `secrets`"),
            (r#"auth = [{ type = "allow_ips" }]"#, "lacks `networks`"),
            (r#"auth = [{ type = "allow_ips", networks = [] }]"#, "networks: no address"),
            (
                r#"auth = [{ type = "allow_ips", networks = ["example.com"] }]"#,
                "networks[0]: not a network such as",
            ),
            (
                r#"auth = [{ type = "standard_webhooks", secrets = ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"] }]"#,
                "begins with `whsec_`",
            ),
            (r#"auth = [{ type = "standard_webhooks", secrets = ["whsec_AAAA"] }]"#, "24 to 64"),
        ],
    );
}

#[test]
fn signatures_that_could_not_be_judged_are_refused() {
    refused(
        SOURCE,
        [
            (r#"auth = [{ type = "hmac", secrets = ["a"] }]"#, "lacks `header`"),
            (
                r#"auth = [{ type = "hmac", header = "x", secrets = ["a"], algorithm = "md5" }]"#,
                "`md5` is not known",
            ),
            (
                r#"auth = [{ type = "hmac", header = "x", secrets = ["a"], parts = ["bdy"] }]"#,
                "did you mean `body`?",
            ),
            (
                r#"auth = [{ type = "hmac", header = "x", secrets = ["a"], parts = ["timestamp", "body"] }]"#,
                "needs `timestamp_header`",
            ),
            (
                r#"auth = [{ type = "hmac", header = "x", secrets = ["a"], timestamp_header = "t" }]"#,
                "the time is not signed",
            ),
            (
                r#"auth = [{ type = "hmac", header = "x", secrets = ["a"], parts = ["url", "body"] }]"#,
                "needs [server] public_url",
            ),
        ],
    );
}

#[test]
fn wrong_settings_of_a_source_are_refused() {
    refused(
        &format!("{SOURCE}{OPEN}"),
        [
            (r#"max_body = "65MiB""#, "between 1 and 67108864 bytes"),
            (r#"max_body = "much""#, "a number of bytes"),
            (r#"timezone = "Asia/Jakata""#, "no time zone"),
            ("answer = { status = 404 }", "answer.status: has to be 200 to 299"),
            (r#"answers = { "call.acton" = {} }"#, "did you mean `call.action`?"),
            ("unauthentic_answer = 403", "has to be 401"),
            (r#"expect = { days = "mon" }"#, "lacks `within`"),
            (r#"expect = { within = "1s" }"#, "between 1m and"),
            (r#"expect = { within = "20m", days = "mon-fry" }"#, "is not a day"),
            (r#"expect = { within = "20m", hours = "9-18" }"#, "not hours"),
            (r#"expect = { within = "20m", timezone = "Mars" }"#, "no time zone"),
            (r#"stuck = { after = "1h", at_least = 0 }"#, "between 1 and 200"),
            ("rate = 0", "rate: has to be a whole number of callbacks a second, 1 to 1000000"),
            ("rate = 2.5", "rate: has to be a whole number of callbacks a second"),
            (r#"rate = "5/s""#, "rate: has to be a whole number of callbacks a second"),
        ],
    );
}

#[test]
fn wrong_destinations_are_refused() {
    refused(
        DESTINATION,
        [
            (r#"secrets = ["whsec_!"]"#, "not base64"),
            (r#"events = ["Message.*"]"#, "not a pattern"),
            (r#"sources = ["shop"]"#, "there is no source `shop`"),
            (r#"channels = ["whatsap"]"#, "did you mean `whatsapp`?"),
            (r#"headers = { Host = "x" }"#, "callbox's own to set"),
            (r#"headers = { Webhook-Id = "x" }"#, "callbox's own to set"),
            ("headers = { X-A = \"a\\nb\" }", "visible ASCII"),
            (r#"headers = { X-A = "a", x-a = "b" }"#, "there twice"),
            (r#"format = "evnt""#, "did you mean `event`?"),
            (r#"timeout = "61s""#, "between 100ms and 1m"),
            ("max_concurrency = 257", "between 1 and 256"),
            ("max_concurrency = -1", "a whole number"),
            (r#"retry = ["5s", "-5s"]"#, "retry[1]: not a duration"),
            (r#"allow_subnets = ["127.0.0.1/99"]"#, "allow_subnets[0]"),
            ("filter = { typ = 1 }", "filter.typ: no event has a field"),
            ("rate = 0", "rate: expected deliveries a second, a number between 0.001 and 100000"),
            (r#"rate = "5/s""#, "rate: expected deliveries a second"),
            ("rate = nan", "rate: expected deliveries a second"),
            (r#"retry_for = "soon""#, "retry_for: not a duration"),
            (r#"retry_for = "91d""#, "retry_for: has to be between 0s and 90d"),
            ("fail_fast = [200]", "fail_fast[0]: expected a status from 300 to 599"),
            ("fail_fast = [400, 410]", "fail_fast[1]: expected a status"),
            (r#"fail_fast = ["4xx", "6xx"]"#, "fail_fast[1]: expected a status"),
            (r#"fail_fast = "4xx""#, "a list"),
            (r#"order = "mesage""#, "did you mean `message`?"),
            (r#"on_exhausted = "blok""#, "did you mean `block`?"),
            (r#"from = "begining""#, "did you mean `beginning`?"),
            ("from = 5", "from: expected"),
            (r#"from = "2026-08-12""#, "an RFC 3339 time"),
            (r#"backlog_max_age = "59s""#, "between 1m and"),
            ("backlog_max_events = 0", "at least 1"),
            ("backlog_max_events = -1", "a whole number"),
        ],
    );
}

#[test]
fn a_destinations_pace_is_read_and_its_budget_of_time_cuts_the_schedule() {
    let text = format!(
        "{DESTINATION}rate = 0.5\nretry = [\"1s\", \"2s\", \"1m\"]\nretry_for = \"10s\"\nfail_fast = [400, \"422\", \"5xx\"]\n"
    );
    let config = Config::parse(&text, "c.toml", &Environment::default()).unwrap();
    let crm = &config.destinations[0];
    assert_eq!((crm.rate, crm.retry.0.len()), (Some(0.5), 2));
    let ends = |status| crm.fail_fast.names(status);
    assert!(ends(400) && ends(422) && ends(500) && ends(599) && !ends(401) && !ends(410));
}

#[test]
fn a_secret_is_never_repeated_in_a_mistake() {
    let table = [
        format!("{SOURCE}auth = [{{ type = \"bearer\", secrets = \"hunter2\" }}]\n"),
        format!("{SOURCE}auth = [{{ type = \"standard_webhooks\", secrets = [\"hunter2\"] }}]\n"),
        format!("{DESTINATION}secrets = [\"hunter2\"]\nheaders = {{ X-A = \"hunter2\\n\" }}\n"),
        "[destinations.crm]\nurl = \"https://user:hunter2@example.com/\"\n".to_owned(),
        "[api.keys.one]\nsha256 = \"hunter2\"\nscopes = [\"read\"]\n".to_owned(),
    ];
    for text in table {
        let told = mistakes(&text);
        assert!(!told.is_empty() && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_secret_file_is_read_without_its_last_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "let-me-in\n").unwrap();
    let text = format!(
        "{SOURCE}auth = [{{ type = \"bearer\", secrets = [\"file:{}\"] }}]",
        path.display()
    );
    let config = Config::parse(&text, "c.toml", &Environment::default()).unwrap();
    let [Scheme::Bearer { secrets }] = &config.sources[0].auth[..] else { panic!() };
    assert_eq!(secrets[0].expose(), "let-me-in");
    std::fs::write(&path, "\n").unwrap();
    assert!(mistakes(&text).contains("the secret is empty"));
}

#[test]
fn a_name_that_is_there_twice_is_refused_where_it_comes_again() {
    let told = mistakes(&format!("{SOURCE}{OPEN}{SOURCE}{OPEN}"));
    assert!(told.starts_with("c.toml:4: "), "{told}");
}

proptest::proptest! {
    #[test]
    fn whatever_is_damaged_is_refused_at_a_line_of_the_file(
        start in 0..SHIPPED.len(),
        length in 0_usize..40,
        instead in "[a-z\\[\\]{}=\".,0-9 \n-]{0,20}",
    ) {
        let bytes = [&SHIPPED.as_bytes()[..start], instead.as_bytes(), &SHIPPED.as_bytes()[(start + length).min(SHIPPED.len())..]].concat();
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = Config::parse(&text, "c.toml", &Environment::default()) {
            let ConfigError::Mistaken(mistakes) = error else { panic!("{error}") };
            proptest::prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let Place::Line(_, line) = &mistake.place else { panic!("{mistake}") };
                proptest::prop_assert!((1..=text.lines().count() + 1).contains(line), "{mistake}");
            }
        }
    }
}
