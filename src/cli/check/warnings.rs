//! What a configuration may say but should not, once strangers can reach it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use toml::Value;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::address::{AddressGuard, literal_address};
use crate::domain::event_type::EventType;
use crate::domain::glob::Glob;
use crate::domain::source::{Scheme, SignedPart};

/// The bit of a file's mode that lets everybody on the machine read it.
const READABLE_BY_ALL: u32 = 0o004;

/// Sentences about what is doubtful, each naming what it is about and what to do.
pub(super) fn warnings(config: &Config, file: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    sources(config, &mut warnings);
    questions(config, &mut warnings);
    destinations(config, &mut warnings);
    for path in secret_files(file) {
        let mode = std::fs::metadata(&path).map(|found| found.permissions().mode());
        if mode.is_ok_and(|mode| mode & READABLE_BY_ALL != 0) {
            warnings.push(format!(
                "{path} holds a secret, and everybody on this machine can read it: chmod 600 {path}"
            ));
        }
    }
    warnings
}

fn sources(config: &Config, warnings: &mut Vec<String>) {
    let public = !config.server.listen.ip().is_loopback() || config.server.public_url.is_some();
    for source in &config.sources {
        let name = &source.name;
        for scheme in &source.auth {
            if matches!(scheme, Scheme::None) && public {
                warnings.push(format!("[sources.{name}] is open to everybody on a public address: anybody can forge its callbacks; give it a secret"));
            } else if matches!(scheme, Scheme::None) {
                warnings.push(format!("[sources.{name}] proves nothing: give it a secret before the internet can reach it"));
            }
            if let Scheme::Hmac(hmac) = scheme
                && !hmac.parts.contains(&SignedPart::Body)
            {
                warnings.push(format!("[sources.{name}] has a signature that does not cover the body, so the body can be changed on the way"));
            }
        }
    }
    if config.sources.is_empty() {
        warnings
            .push("there is no source, so nothing can come in: add a [sources.NAME]".to_owned());
    }
}

fn questions(config: &Config, warnings: &mut Vec<String>) {
    let now = SystemClock::new().now();
    for (name, key) in &config.api.keys {
        if key.expires.is_some_and(|expires| expires <= now) {
            warnings
                .push(format!("[api.keys.{name}] has expired: `callbox keys new` makes another"));
        }
    }
    if !config.api.anonymous && config.api.keys.is_empty() {
        warnings.push(
            "[api] has no key, so nobody can ask anything: `callbox keys new` makes one".to_owned(),
        );
    }
    if config.api.anonymous && config.server.public_url.is_some() {
        warnings.push("[api] lets everybody on this machine ask and operate without a key: take `anonymous` out and use keys".to_owned());
    }
    if !config.api.listen.ip().is_loopback() {
        warnings.push(format!("[api] listens on {} in plain HTTP: keys would cross the network in the clear without a TLS proxy in front", config.api.listen));
    }
}

fn destinations(config: &Config, warnings: &mut Vec<String>) {
    for destination in &config.destinations {
        if destination.secrets.is_empty() {
            warnings.push(format!(
                "[destinations.{}] has no secret, so its deliveries are not signed",
                destination.name
            ));
        }
        for pattern in destination.events.iter().filter(|pattern| !fits_a_type(pattern)) {
            warnings.push(format!(
                "[destinations.{}] asks for `{pattern}`, and no event is of such a type: message.*, for example, is",
                destination.name
            ));
        }
        if [502, 503, 504].into_iter().any(|status| destination.fail_fast.names(status)) {
            warnings.push(format!(
                "[destinations.{}] does not try again what a service that is down answers: while it is, every delivery ends at its first attempt; take 5xx out of `fail_fast`",
                destination.name
            ));
        }
        let guard = AddressGuard {
            allow_subnets: destination.allow_subnets.clone(),
            own_listeners: vec![config.server.listen, config.api.listen],
        };
        if let Some(Err(refusal)) = literal_address(&destination.url).map(|ip| guard.judge(ip)) {
            warnings.push(format!(
                "[destinations.{}] would get nothing: {refusal}; list its network in `allow_subnets` if it is meant",
                destination.name
            ));
        }
    }
}

fn fits_a_type(pattern: &Glob) -> bool {
    EventType::ALL.iter().any(|kind| pattern.matches(kind.as_str())) || pattern.names_alarms()
}

/// The files that the configuration takes secrets from.
fn secret_files(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut paths = Vec::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        collect(&Value::Table(table), &mut paths);
    }
    paths.sort();
    paths.dedup();
    paths
}

fn collect(value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::String(text) => paths.extend(text.strip_prefix("file:").map(str::to_owned)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, paths)),
        Value::Table(table) => table.values().for_each(|value| collect(value, paths)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn warned(text: &str) -> Vec<String> {
        let config = Config::parse(text, "c.toml", &Environment::default()).unwrap();
        warnings(&config, Path::new("not/there.toml"))
    }

    #[test]
    fn what_is_doubtful_is_named() {
        let source = "[sources.shop]\nvendor = \"wavecell\"\n";
        let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let table = [
            (String::new(), "there is no source"),
            (String::new(), "[api] has no key"),
            (format!("{source}auth = [{{ type = \"none\" }}]"), "[sources.shop] proves nothing"),
            (
                format!(
                    "[server]\nlisten = \"0.0.0.0:80\"\n{source}auth = [{{ type = \"none\" }}]"
                ),
                "[sources.shop] is open to everybody",
            ),
            (
                format!(
                    "{source}auth = [{{ type = \"hmac\", header = \"x\", parts = [\"method\"], secrets = [\"a\"] }}]"
                ),
                "does not cover the body",
            ),
            ("[api]\nlisten = \"0.0.0.0:81\"".to_owned(), "in plain HTTP"),
            (
                format!(
                    "[api.keys.old]\nscopes = [\"read\"]\nexpires = \"2001-01-01T00:00:00Z\"\nsha256 = \"{key}\""
                ),
                "[api.keys.old] has expired",
            ),
            (
                "[destinations.crm]\nurl = \"https://example.com\"".to_owned(),
                "[destinations.crm] has no secret",
            ),
            (
                "[destinations.crm]\nurl = \"https://example.com\"\nevents = [\"mesage.*\"]".to_owned(),
                "[destinations.crm] asks for `mesage.*`",
            ),
            (
                "[destinations.crm]\nurl = \"https://example.com\"\nfail_fast = [\"5xx\"]".to_owned(),
                "[destinations.crm] does not try again",
            ),
            (
                "[destinations.crm]\nurl = \"http://127.0.0.1:9000\"".to_owned(),
                "[destinations.crm] would get nothing: 127.0.0.1 is refused: loopback",
            ),
            (
                "[destinations.crm]\nurl = \"http://127.0.0.1:8080/in/a\"\nallow_subnets = [\"127.0.0.0/8\"]"
                    .to_owned(),
                "127.0.0.1 is refused: our own listener",
            ),
        ];
        for (text, sentence) in table {
            let warned = warned(&text);
            assert!(
                warned.iter().any(|warning| warning.contains(sentence)),
                "{sentence}: {warned:?}"
            );
        }
    }

    #[test]
    fn a_careful_configuration_is_warned_of_nothing() {
        let text = "[api]\nanonymous = \"loopback\"
            [sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"bearer\", secrets = [\"a\"] }]";
        assert_eq!(warned(text), Vec::<String>::new());
    }

    #[test]
    fn a_secret_file_that_everybody_can_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("c.toml"), folder.path().join("token"));
        std::fs::write(&secret, "a").unwrap();
        std::fs::write(&file, format!("a = [{{ b = \"file:{}\" }}]", secret.display())).unwrap();
        let config = Config::parse("", "c.toml", &Environment::default()).unwrap();
        let named = || warnings(&config, &file).iter().any(|warning| warning.contains("chmod 600"));
        for (mode, expected) in [(0o644, true), (0o600, false)] {
            std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(named(), expected, "{mode:o}");
        }
    }
}
